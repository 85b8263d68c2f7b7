import type { ContextCacheId, ResponseId, TenantId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { ContextCacheState } from './thread-tables.ts';

/** A held context, without what it says. Times in milliseconds since the epoch. */
export interface ContextCacheRow {
  readonly id: ContextCacheId;
  readonly tenantId: TenantId;
  readonly mode: 'live' | 'test';
  readonly keyId: string;
  readonly modelId: string;
  readonly tokens: number;
  readonly state: ContextCacheState;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** When it ended. Absent: it has not, or it has expired and that is not written yet (`state` tells). */
  readonly endedMs?: number;
  readonly upstreamId?: string;
  /** The response that it was made with. */
  readonly responseId?: ResponseId;
  readonly ttlS?: number;
}

/** A held context with all that is kept of it. */
export interface StoredContextCache extends ContextCacheRow {
  readonly labels: ContextCacheLabels;
  /** Those that refer to it now. */
  readonly tags: readonly string[];
  /** Absent once it has ended. */
  readonly content?: ContextCacheContent;
}

/** What its owner calls it. */
export interface ContextCacheLabels {
  readonly name?: string;
  readonly description?: string;
  readonly metadata?: JsonObject;
}

/** In the form of the surface that made it. */
export interface ContextCacheContent {
  readonly messages: readonly JsonObject[];
  readonly tools?: readonly JsonObject[];
}

/** A context to be held; `pending`: its storage begins when it is ready. */
export interface NewContextCache extends Omit<ContextCacheRow, 'tenantId' | 'mode' | 'state' | 'endedMs'> {
  readonly state: 'pending' | 'ready';
  readonly labels: ContextCacheLabels;
  /** Each refers to this context from now on, and to no other. */
  readonly tags: readonly string[];
  readonly content: ContextCacheContent;
}
