import { readFileSync } from 'node:fs';
import type { ServerInfo } from '../contract/server-info.ts';
import { sandboxUpstreamId } from './catalog/catalog.ts';
import type { UpstreamHealth } from './routing/health.ts';
import type { TokenCounter } from './tokens/token-counter.ts';

/** Of the package. */
export const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

export interface InfoParts {
  readonly url: string;
  readonly startedMs: number;
  readonly enabled: readonly { readonly id: string; readonly baseUrl: string }[];
  readonly health: UpstreamHealth;
  readonly counter: TokenCounter;
  readonly liveKeysAnsweredBy: ServerInfo['liveKeysAnsweredBy'];
  readonly documents: ServerInfo['documents'];
}

/** What `moongate info` shows. */
export function serverInfo(parts: InfoParts): ServerInfo {
  const upstreams = parts.enabled.map(({ id, baseUrl }) => ({
    id,
    baseUrl,
    state: parts.health.state(id).kind === 'ready' ? ('ready' as const) : ('resting' as const),
  }));
  return {
    version,
    address: parts.url,
    startedAt: new Date(parts.startedMs).toISOString(),
    upstreams: [...upstreams, { id: sandboxUpstreamId, baseUrl: null, state: 'ready' }],
    liveKeysAnsweredBy: parts.liveKeysAnsweredBy,
    tokenCounts: parts.counter.exact ? 'exact' : 'estimated',
    documents: parts.documents,
  };
}

