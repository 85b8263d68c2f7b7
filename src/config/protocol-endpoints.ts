import type { Protocol } from '../dialogue/protocol.ts';
import type { UpstreamKind } from './upstream-kind.ts';

/** Where an upstream speaks a protocol: what the protocol's own path is put behind. */
export interface ProtocolEndpoint {
  readonly protocol: Protocol;
  readonly baseUrl: string;
}

/** What the configuration says of the protocols of one upstream. */
export interface ProtocolWish {
  readonly kind: UpstreamKind;
  /** In force, be it the kind's own. */
  readonly baseUrl: string;
  readonly protocols?: readonly Protocol[] | undefined;
  readonly messagesBaseUrl?: string | undefined;
  readonly responsesBaseUrl?: string | undefined;
}

export type BaseUrlKey = 'messagesBaseUrl' | 'responsesBaseUrl';

export interface ProtocolProblem {
  readonly key: 'protocols' | BaseUrlKey;
  readonly message: string;
}

/** In the order of preference: of two that lose the same, the first is taken. */
export const protocolNames = ['openai-chat', 'anthropic-messages', 'openai-responses'] as const satisfies readonly Protocol[];

const baseUrlKeys: Readonly<Partial<Record<Protocol, BaseUrlKey>>> = { 'anthropic-messages': 'messagesBaseUrl', 'openai-responses': 'responsesBaseUrl' };

/** What vendors speak beside chat (moonshot-api.md 1.0, 1.8; responses-ark-anthropic-batch.md 2.3). Engines only do when it is said that theirs does. */
const spokenByKind: Readonly<Partial<Record<UpstreamKind, Protocol>>> = {
  'moonshot': 'anthropic-messages',
  'kimi-coding': 'anthropic-messages',
  'ark': 'openai-responses',
};

/**
 * The protocols that an upstream speaks, in the order of preference, and where. Without `protocols`: chat, what vendors of that kind
 * are known to speak, and those whose base URL is named. What cannot be is added to `problems`.
 */
export function protocolEndpoints(wish: ProtocolWish, problems: ProtocolProblem[]): readonly ProtocolEndpoint[] {
  const endpoints: ProtocolEndpoint[] = [];
  for (const protocol of protocolNames) {
    const key = baseUrlKeys[protocol];
    const named = key === undefined ? undefined : wish[key];
    const asked = wish.protocols?.includes(protocol);
    if (key !== undefined && named !== undefined && asked === false) {
      problems.push({ key, message: `expected ${protocol} among the protocols of this upstream too, or no base URL for it` });
    }
    if (!(asked ?? (protocol === 'openai-chat' || named !== undefined || spokenByKind[wish.kind] === protocol))) continue;
    const baseUrl = named ?? derivedBaseUrl(protocol, wish);
    if (baseUrl !== undefined) endpoints.push({ protocol, baseUrl });
    // Of a base URL that is not the vendor's usual one nobody has promised it.
    else if (asked === true) problems.push({ key: 'protocols', message: `expected ${key} beside ${protocol}, as it does not follow from the base URL` });
  }
  return endpoints;
}

/** The base of a protocol from that of chat, which ends in `/v1` as SDKs for OpenAI take it; those for Anthropic add the `/v1` themselves. */
function derivedBaseUrl(protocol: Protocol, { kind, baseUrl }: ProtocolWish): string | undefined {
  if (protocol !== 'anthropic-messages') return baseUrl;
  if (!baseUrl.endsWith('/v1')) return undefined;
  return baseUrl.slice(0, -'/v1'.length) + (kind === 'moonshot' ? '/anthropic' : '');
}
