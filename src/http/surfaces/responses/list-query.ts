import { Fault } from '../../../base/fault.ts';
import type { JsonObject } from '../../../base/json.ts';

/** The query of a list, as it stands in the URL. */
export interface PageQuery {
  readonly limit?: string | readonly string[];
  readonly order?: string | readonly string[];
  readonly after?: string | readonly string[];
  readonly include?: string | readonly string[];
  readonly 'include[]'?: string | readonly string[];
}

/** Which part of a list is asked for (responses-ark-anthropic-batch.md 1.1). */
export interface ListPlace {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  readonly after?: string;
}

const limitDefault = 20;
const limitMax = 100;

/** Throws `invalid_request` for what is out of range. */
export function listPlace({ limit, order, after }: PageQuery): ListPlace {
  const count = limit === undefined ? limitDefault : Number(limit);
  if (!Number.isInteger(count) || count < 1 || count > limitMax) {
    throw new Fault('invalid_request', { message: `Invalid 'limit': expected an integer from 1 to ${limitMax}.`, field: 'limit' });
  }
  if (order !== undefined && order !== 'asc' && order !== 'desc') {
    throw new Fault('invalid_request', { message: "Invalid 'order': expected one of 'asc' and 'desc'.", field: 'order' });
  }
  return { limit: count, order: order ?? 'desc', ...(typeof after === 'string' && after !== '' ? { after } : {}) };
}

/** That part of `items`, which are in the order of their birth. Throws `invalid_request` when `after` is none of them. */
export function pageOf(items: readonly JsonObject[], { limit, order, after }: ListPlace): { readonly page: readonly JsonObject[]; readonly hasMore: boolean } {
  const ordered = order === 'asc' ? items : items.toReversed();
  const at = after === undefined ? -1 : ordered.findIndex((item) => item['id'] === after);
  if (after !== undefined && at === -1) throw unknownAfter();
  return { page: ordered.slice(at + 1, at + 1 + limit), hasMore: ordered.length > at + 1 + limit };
}

/** The answer for an `after` that is no item of the list. */
export function unknownAfter(): Fault {
  return new Fault('invalid_request', { message: "Invalid 'after': no item of this list has that id.", field: 'after' });
}

/** Whether the query asks for what reasoning is sealed in. */
export function includesEncrypted(query: PageQuery): boolean {
  return [query.include, query['include[]']].flat().some((value) => value?.split(',').includes('reasoning.encrypted_content') === true);
}
