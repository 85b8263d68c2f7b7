import type { CatalogFile, UpstreamRow } from '../catalog/catalog-schema.ts';

/** The upstreams of the shipped catalog, in its order, and `openai` for every other OpenAI-compatible server. */
export const upstreamKinds = [
  'moonshot', 'kimi-coding', 'ark', 'cometapi', 'routerai', 'openrouter', 'vllm', 'sglang', 'llamacpp', 'openai',
] as const;

export type UpstreamKind = (typeof upstreamKinds)[number];

/** What the shipped catalog says of a kind: its variables and its base URL. Undefined for `openai`. */
export function shippedRow(kind: UpstreamKind, shipped: CatalogFile): UpstreamRow | undefined {
  return shipped.upstreams.find(({ id }) => id === kind);
}

/** A server of one's own: its models are what it says, and its price is a declared zero. Else a vendor's, which needs a key. */
export function isSelfHosted(kind: UpstreamKind, shipped: CatalogFile): boolean {
  return shippedRow(kind, shipped)?.kind !== 'hosted';
}
