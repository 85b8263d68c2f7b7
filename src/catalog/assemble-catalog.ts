import type { CatalogFile, CatalogOverrides, ModelEntry, OfferEntry, UpstreamRow } from './catalog-schema.ts';
import type { Model } from './model.ts';
import type { PriceEntry } from './price-entry-schema.ts';
import { sinceEver, toPrice } from './price-list.ts';

/** Something that the schema cannot see: an entry that names what does not exist, or lacks what it must have. */
export interface CatalogIssue {
  /** Path within the overrides (or the shipped file): `offers.2.model`. */
  readonly path: string;
  readonly message: string;
  /** Path of the entry that this one is at odds with. */
  readonly other?: string;
}

/** The catalog and its overrides do not fit together. The message names every issue. */
export class CatalogError extends Error {
  readonly issues: readonly CatalogIssue[];

  constructor(issues: readonly CatalogIssue[]) {
    super(issues.map(({ path, message, other }) => `catalog.${path}: ${message}${other === undefined ? '' : ` (see catalog.${other})`}`).join('\n'));
    this.name = 'CatalogError';
    this.issues = issues;
  }
}

export interface AssembledCatalog {
  readonly models: readonly Model[];
  readonly upstreams: readonly UpstreamRow[];
  /** In the file's order, then the overrides'. */
  readonly offers: readonly AssembledOffer[];
}

export interface AssembledOffer {
  readonly entry: OfferEntry;
  /** Begins the ids of its price rows. Rows from a configuration say so, for a cost is stored with its row's id. */
  readonly priceIdPrefix: string;
}

/**
 * Merges `overrides` into `file`: an entry with a known id (offers: a known upstream and model) replaces the fields that
 * it names, any other is new. `customUpstreams` are ids that the configuration declares beside the shipped ones.
 * Throws `CatalogError`.
 */
export function assembleCatalog(
  file: CatalogFile,
  overrides: CatalogOverrides = {},
  customUpstreams: readonly string[] = [],
): AssembledCatalog {
  const issues: CatalogIssue[] = [];
  const entries = mergeModels(file.models, overrides.models ?? []);
  const models = entries.flatMap(({ entry, path }) => completeModel(entry, path, issues) ?? []);
  checkNames(models, issues);
  checkSuccessors(models, issues);
  const upstreams = new Set([...file.upstreams.map((row) => row.id), ...customUpstreams]);
  const modelIds = new Set(models.map((model) => model.id));
  const offers = mergeOffers(file.offers, overrides.offers ?? [], modelIds, upstreams, issues);
  if (issues.length > 0) throw new CatalogError(issues);
  return { models, upstreams: file.upstreams, offers };
}

function mergeModels(
  base: readonly ModelEntry[],
  overrides: readonly ModelEntry[],
): readonly { readonly entry: ModelEntry; readonly path: string }[] {
  const merged = new Map(base.map((entry, index) => [entry.id, { entry, path: `models.${index}` }]));
  for (const [index, entry] of overrides.entries()) {
    merged.set(entry.id, { entry: { ...merged.get(entry.id)?.entry, ...entry }, path: `models.${index}` });
  }
  return [...merged.values()];
}

function completeModel(entry: ModelEntry, path: string, issues: CatalogIssue[]): Model | undefined {
  const { id, contextTokens, listPrice, author = 'moonshotai', slug = `${author}/${id}`, ...rest } = entry;
  if (contextTokens === undefined) {
    const message = `"${id}" is no model of the shipped catalog, so it needs a context`;
    issues.push({ path: `${path}.contextTokens`, message });
    return undefined;
  }
  return {
    id,
    slug,
    author,
    name: id,
    description: '',
    aliases: [],
    contextTokens,
    inputModalities: ['text'],
    outputModalities: ['text'],
    openWeights: false,
    thinking: { kind: 'never', default: 'off', keep: false },
    sampling: {},
    scores: [],
    referenceOnly: false,
    ...rest,
    ...(listPrice === undefined ? {} : { listPrice: toPrice(listPrice, id) }),
  };
}

/** No name may mean two models. Weights may: `kimi-k2-thinking-turbo` is `kimi-k2-thinking`, served faster. */
function checkNames(models: readonly Model[], issues: CatalogIssue[]): void {
  const owners = new Map<string, string>();
  for (const model of models) {
    for (const name of new Set([model.id, model.slug, ...model.aliases].map((each) => each.toLowerCase()))) {
      const owner = owners.get(name);
      if (owner !== undefined) {
        issues.push({ path: 'models', message: `"${name}" names both "${owner}" and "${model.id}"` });
      }
      owners.set(name, model.id);
    }
  }
}

function checkSuccessors(models: readonly Model[], issues: CatalogIssue[]): void {
  const successors = new Map(models.map((model) => [model.id, model.successor]));
  for (const model of models) {
    const seen = new Set<string>();
    for (let id: string | undefined = model.id; id !== undefined; id = successors.get(id)) {
      const unknown = !successors.has(id);
      if (unknown || seen.has(id)) {
        const what = unknown ? `has a successor that does not exist: "${id}"` : 'comes back to itself by its successors';
        issues.push({ path: 'models', message: `"${model.id}" ${what}` });
        break;
      }
      seen.add(id);
    }
  }
}

function mergeOffers(
  base: readonly OfferEntry[],
  overrides: readonly OfferEntry[],
  models: ReadonlySet<string>,
  upstreams: ReadonlySet<string>,
  issues: CatalogIssue[],
): readonly AssembledOffer[] {
  const merged = new Map<string, AssembledOffer>();
  for (const list of [base, overrides]) checkOffers(list, issues);
  const add = (entry: OfferEntry, index: number, overriding: boolean): void => {
    if (!models.has(entry.model)) {
      issues.push({ path: `offers.${index}.model`, message: `no model has the id "${entry.model}"` });
    }
    if (!upstreams.has(entry.upstream)) {
      issues.push({ path: `offers.${index}.upstream`, message: `no upstream has the id "${entry.upstream}"` });
    }
    const key = `${entry.upstream}/${entry.model}`;
    const earlier = merged.get(key);
    merged.set(key, {
      entry: { ...earlier?.entry, ...entry },
      priceIdPrefix: overriding && entry.prices !== undefined ? `config/${key}` : (earlier?.priceIdPrefix ?? key),
    });
  };
  for (const [index, entry] of base.entries()) add(entry, index, false);
  for (const [index, entry] of overrides.entries()) add(entry, index, true);
  return [...merged.values()];
}

/** No list may speak of one offer twice, and no offer state two prices for one day: which of them holds would be a matter of luck. */
function checkOffers(entries: readonly OfferEntry[], issues: CatalogIssue[]): void {
  const firsts = new Map<string, number>();
  for (const [index, { upstream, model, prices = [] }] of entries.entries()) {
    const key = `${upstream}/${model}`;
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, index);
    else issues.push({ path: `offers.${index}`, message: `a second entry for "${model}" at "${upstream}"; put them together`, other: `offers.${first}` });
    for (const [at, row] of prices.entries()) {
      const earlier = prices.slice(0, at).findIndex((one) => hold(one, row));
      if (earlier < 0) continue;
      const since = row.validFrom === undefined ? 'without a day' : `from ${row.validFrom} on`;
      issues.push({ path: `offers.${index}.prices.${at}`, message: `a second price ${since} for "${model}" at "${upstream}"`, other: `offers.${index}.prices.${earlier}` });
    }
  }
}

/** Whether two rows are in force from the same day on, on the same list; a row without a list is on all of them. */
function hold(one: PriceEntry, other: PriceEntry): boolean {
  const sameList = one.list === undefined || other.list === undefined || one.list === other.list;
  return sameList && (one.validFrom ?? sinceEver) === (other.validFrom ?? sinceEver);
}
