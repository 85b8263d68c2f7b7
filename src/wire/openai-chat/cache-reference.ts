import { isJsonObject } from '../../base/json.ts';
import { invalidRequest } from './chat-request-schema.ts';

/** A request's word for a context that is held for its caller. */
export interface CacheReference {
  readonly by: 'id' | 'tag';
  /** The id as it is shown, or the tag. */
  readonly name: string;
  /** How long it is to live from now on, in seconds. Not checked. */
  readonly resetTtlS?: number;
  /** `message`: the first message stands for those that are held; `header`: all messages are sent, and begin with those that are held. */
  readonly place: 'message' | 'header';
  /** For what is wrong with the name, and with the time. */
  readonly field: string;
  readonly ttlField: string;
}

const cacheHeader = 'x-msh-context-cache';
const ttlHeader = 'x-msh-context-cache-reset-ttl';
const dryRunHeader = 'x-msh-context-cache-dryrun';
const messageField = 'messages.0.content';

/**
 * The held context that a chat request's first message (`role: "cache"`) or its headers name; undefined: none
 * (moonshot-api.md 1.7; platform.moonshot.ai, docs/api/caching). Throws `invalid_request` for what cannot be read.
 */
export function cacheReferenceOf(body: unknown, headers: Readonly<Record<string, string | readonly string[] | undefined>>): CacheReference | undefined {
  const message = cacheMessageOf(body);
  const header = headers[cacheHeader];
  if (header === undefined) return message === undefined ? undefined : ofMessage(message);
  if (message !== undefined) throw invalidRequest(cacheHeader, 'the first message names a cache as well; send one of them');
  if (typeof header !== 'string' || header === '') throw invalidRequest(cacheHeader, 'expected the id of a cache');
  refuseDryRun(headers[dryRunHeader], dryRunHeader);
  return { by: 'id', name: header, ...resetTtl(headers[ttlHeader], ttlHeader), place: 'header', field: cacheHeader, ttlField: ttlHeader };
}

function cacheMessageOf(body: unknown): { readonly content: unknown } | undefined {
  const messages = isJsonObject(body) ? body['messages'] : undefined;
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
  return isJsonObject(first) && first['role'] === 'cache' ? { content: first['content'] } : undefined;
}

/** `cache_id=…;reset_ttl=…`, in any order; `tag=…` in place of the id. */
function ofMessage({ content }: { readonly content: unknown }): CacheReference {
  const expected = 'expected "cache_id=<id>" or "tag=<tag>", then ";reset_ttl=<seconds>" if wanted';
  if (typeof content !== 'string') throw invalidRequest(messageField, expected);
  const words = new Map<string, string>();
  for (const word of content.split(';')) {
    if (word.trim() === '') continue;
    const [name = '', value = ''] = word.split('=', 2).map((part) => part.trim());
    if (!['cache_id', 'tag', 'reset_ttl', 'dry_run'].includes(name) || value === '' || words.has(name)) throw invalidRequest(messageField, expected);
    words.set(name, value);
  }
  const id = words.get('cache_id');
  const tag = words.get('tag');
  refuseDryRun(words.get('dry_run'), messageField);
  const rest = { ...resetTtl(words.get('reset_ttl'), messageField), place: 'message', field: messageField, ttlField: messageField } as const;
  if (id !== undefined && tag === undefined) return { by: 'id', name: id, ...rest };
  if (tag !== undefined && id === undefined) return { by: 'tag', name: tag, ...rest };
  throw invalidRequest(messageField, expected);
}

function resetTtl(text: string | readonly string[] | undefined, field: string): { readonly resetTtlS?: number } {
  if (text === undefined) return {};
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) throw invalidRequest(field, 'expected the new life of the cache as whole seconds');
  return { resetTtlS: Number(text) };
}

/** It must not run, and cost, what its caller wants to be only looked at; what Moonshot answered then is not known. */
function refuseDryRun(value: string | readonly string[] | undefined, field: string): void {
  if (value === undefined || value === '0') return;
  throw invalidRequest(field, 'a dry run is not offered; GET /v1/caching/{id} tells whether a cache can be used');
}
