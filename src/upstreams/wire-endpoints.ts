import type { Protocol } from '../dialogue/protocol.ts';
import { batchCallPathOf } from './batch/batch-dialect.ts';
import { chatProtocol } from './chat-protocol.ts';
import { type DialectName, dialectOf, messagesDialectOf, responsesDialectOf } from './dialect.ts';
import { messagesProtocol } from './messages-protocol.ts';
import { responsesProtocol } from './responses-protocol.ts';
import type { WireEndpoint } from './wire-upstream.ts';
import type { WireProtocol } from './wire-protocol.ts';

/**
 * Where upstream `id` speaks what, with the dialects of `dialect`. `places` must hold one at least and keep the order of preference.
 * Throws TypeError for none.
 */
export function wireEndpoints(
  id: string,
  dialect: DialectName,
  places: readonly { readonly protocol: Protocol; readonly baseUrl: string }[],
): readonly [WireEndpoint, ...WireEndpoint[]] {
  const [first, ...others] = places.map(({ protocol, baseUrl }) => ({ protocol: wireProtocol(id, dialect, protocol), baseUrl }));
  if (first === undefined) throw new TypeError(`upstream ${id} speaks no protocol`);
  return [first, ...others];
}

/** Where a vendor of that kind takes single calls of batches, if it does. `baseUrl` is that of chat. */
export function wireBatchEndpoint(dialect: DialectName, baseUrl: string): WireEndpoint | undefined {
  const path = batchCallPathOf(dialect);
  return path === undefined ? undefined : { protocol: chatProtocol(dialectOf(dialect), path), baseUrl };
}

function wireProtocol(id: string, dialect: DialectName, protocol: Protocol): WireProtocol {
  switch (protocol) {
    case 'openai-chat':
      return chatProtocol(dialectOf(dialect));
    case 'openai-responses':
      return responsesProtocol(responsesDialectOf(dialect), id);
    case 'anthropic-messages':
      return messagesProtocol(messagesDialectOf(dialect), id);
  }
}
