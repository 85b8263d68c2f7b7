import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { invalidRequest } from './chat-request-schema.ts';
import { type ContextCacheLife, lifeOf } from './context-cache-life.ts';
import { decodeChatRequest } from './request-decode.ts';

/** Moonshot's limits (platform.moonshot.ai, docs/api/caching). */
const metadataEntriesMax = 16;
const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((entries) => Object.keys(entries).length <= metadataEntriesMax, { error: `expected at most ${metadataEntriesMax} entries` });
const tag = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/, { error: 'expected a letter, then letters, digits, "_", "-" and ".", 128 at most' });
const seconds = z.int().min(0);

const change = z.looseObject({
  metadata: metadata.nullish(),
  ttl: seconds.nullish(),
  expired_at: seconds.nullish(),
  // As Moonshot's own example in Go spells it (moonshot-api.md 1.7).
  expiredAt: seconds.nullish(),
});
const creation = change.extend({
  name: z.string().max(256).nullish(),
  description: z.string().max(512).nullish(),
  tags: z.array(tag).max(16).nullish(),
});
const tagging = z.looseObject({ tag, cache_id: z.string().min(1) });

/** A context that is to be held. */
export interface ContextCacheWish {
  /** What it says, to count its tokens by; the model is as the caller named it. */
  readonly request: DialogueRequest;
  /** The same, as it was sent. */
  readonly content: { readonly messages: readonly JsonObject[]; readonly tools?: readonly JsonObject[] };
  readonly labels: { readonly name?: string; readonly description?: string; readonly metadata?: JsonObject };
  readonly tags: readonly string[];
  readonly life: ContextCacheLife;
}

/** What is to be changed of a held context; absent: it stays. */
export interface ContextCacheChange {
  readonly metadata?: JsonObject;
  readonly life?: ContextCacheLife;
}

/**
 * The body of `POST /v1/caching`. Messages and tools are checked as those of a chat completion. Throws `invalid_request` in Moonshot's words,
 * with the field at fault.
 */
export function decodeContextCache(body: unknown, nowMs: number): ContextCacheWish {
  const wish = parsed(creation, body);
  const { model, messages, tools = null } = wish;
  const { request } = decodeChatRequest({ model, messages, tools }, 'moonshot');
  const content = { messages: objectsOf(messages), tools: objectsOf(tools) };
  const partial = content.messages.findIndex((message) => message['partial'] === true);
  if (partial !== -1) throw invalidRequest(`messages.${partial}.partial`, 'a message that is to be gone on from cannot be held');
  const { name, description } = wish;
  return {
    request,
    content: { messages: content.messages, ...(content.tools.length === 0 ? {} : { tools: content.tools }) },
    labels: {
      ...(typeof name === 'string' ? { name } : {}),
      ...(typeof description === 'string' ? { description } : {}),
      ...(isJsonObject(wish.metadata) ? { metadata: wish.metadata } : {}),
    },
    tags: wish.tags ?? [],
    life: lifeOf(wish.ttl ?? 0, expiredAtOf(wish), nowMs),
  };
}

/** The body of `PUT /v1/caching/{id}`. Throws as `decodeContextCache` does. */
export function decodeContextCacheChange(body: unknown, nowMs: number): ContextCacheChange {
  const wish = parsed(change, body);
  const [ttl, expiredAt] = [wish.ttl ?? 0, expiredAtOf(wish)];
  return {
    ...(isJsonObject(wish.metadata) ? { metadata: wish.metadata } : {}),
    ...(ttl === 0 && expiredAt === 0 ? {} : { life: lifeOf(ttl, expiredAt, nowMs) }),
  };
}

/** The body of `POST /v1/caching/refs/tags`. Throws as `decodeContextCache` does. */
export function decodeContextCacheTag(body: unknown): { readonly tag: string; readonly cacheId: string } {
  const wish = parsed(tagging, body);
  return { tag: wish.tag, cacheId: wish.cache_id };
}

function parsed<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalidRequest((issue?.path ?? []).map(String).join('.'), issue?.message ?? 'expected an object');
}

function expiredAtOf(wish: z.infer<typeof change>): number {
  return wish.expired_at ?? wish.expiredAt ?? 0;
}

function objectsOf(list: unknown): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter((value) => isJsonObject(value)) : [];
}
