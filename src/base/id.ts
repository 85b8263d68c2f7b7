import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** Prefixes of our public ids. */
export type IdPrefix = 'gen' | 'key' | 'ten' | 'req' | 'batch' | 'file' | 'trf' | 'node' | 'resp' | 'conv' | 'cache' | 'job' | 'upload' | 'part';
export type Id<P extends IdPrefix> = `${P}_${string}`;
export type GenerationId = Id<'gen'>;
export type TenantId = Id<'ten'>;
export type ResponseId = Id<'resp'>;
export type ConversationId = Id<'conv'>;
export type ContextCacheId = Id<'cache'>;
export type JobId = Id<'job'>;
export type FileId = Id<'file'>;
export type BatchId = Id<'batch'>;
export type UploadId = Id<'upload'>;
export type UploadPartId = Id<'part'>;

/**
 * A new id: prefix, 48 bits of time in milliseconds, 80 random bits, in hex, so that ids sort by birth (as UUIDv7 does,
 * whose layout bits we do not need; see docs/decisions/0003-ids.md).
 */
export function newId<P extends IdPrefix>(prefix: P, clock: Clock, random: Random): Id<P> {
  const time = clock.nowMs().toString(16).padStart(12, '0');
  return `${prefix}_${time}${random.bytes(10).toString('hex')}`;
}
