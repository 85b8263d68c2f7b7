import type { UpstreamRow } from './catalog-schema.ts';
import type { Price } from './offer.ts';
import type { PriceEntry } from './price-entry-schema.ts';

type PriceLists = UpstreamRow['priceLists'];

/** Rows without a day hold since ever. */
export const sinceEver = '1970-01-01';

/**
 * The rows that an upstream bills by at `baseUrl`, oldest first, as `Price`s.
 *
 * A vendor may have a price list per site (Moonshot: `.cn` bills yuan, `.ai` dollars; seed moonshot-kimi-api.zh and
 * moonshot-api.md 4). The list in force is the first whose suffix the host ends with. When it says nothing of this
 * model, the first other list that does is taken: the vendor's only published figure, in that list's currency.
 *
 * `idPrefix` begins the id of rows that carry none: `moonshot/kimi-k2`.
 */
export function pricesInForce(
  rows: readonly PriceEntry[],
  lists: PriceLists,
  baseUrl: string | undefined,
  idPrefix: string,
): readonly Price[] {
  return listInForce(rows, lists, baseUrl)
    .map((row) => toPrice(row, idPrefix))
    .sort((a, b) => (a.validFrom < b.validFrom ? -1 : a.validFrom > b.validFrom ? 1 : 0));
}

/** A catalog row as a `Price`, with an id and a day. */
export function toPrice(row: PriceEntry, idPrefix: string): Price {
  const { id, list, validFrom = sinceEver, ...rates } = row;
  return { id: id ?? [idPrefix, ...(list === undefined ? [] : [list]), validFrom].join('/'), validFrom, ...rates };
}

function listInForce(
  rows: readonly PriceEntry[],
  lists: PriceLists,
  baseUrl: string | undefined,
): readonly PriceEntry[] {
  if (lists === undefined) return rows;
  const host = baseUrl !== undefined && URL.canParse(baseUrl) ? new URL(baseUrl).hostname : '';
  const active = lists.find((list) => list.hostSuffix === undefined || host.endsWith(list.hostSuffix));
  const inForce = active === undefined ? lists : [active, ...lists.filter((list) => list !== active)];
  for (const list of inForce) {
    const listed = rows.filter((row) => row.list === undefined || row.list === list.name);
    if (listed.length > 0) return listed;
  }
  return [];
}
