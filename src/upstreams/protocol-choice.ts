import { toFault } from '../base/fault.ts';
import { AttemptFailure, type UpstreamCall } from './upstream.ts';
import type { EncodedRequest, WireProtocol } from './wire-protocol.ts';

/** The protocol by which a call goes, and its request in it. */
export interface ChosenProtocol<P extends WireProtocol> {
  readonly protocol: P;
  readonly encoded: EncodedRequest;
}

/**
 * Of the protocols that an upstream speaks, the one by which `call` loses least, with the request encoded. At a tie the one that it
 * came by, where it is spoken, else the first: `protocols` is in the order of preference, chat before all, which is known best. A
 * conversation that is held, or to be held, goes where it can be. Encodes once where the first choice loses nothing.
 *
 * Throws `AttemptFailure` when the request cannot be said at all.
 */
export function chooseProtocol<P extends WireProtocol>(call: UpstreamCall, protocols: readonly [P, ...P[]]): ChosenProtocol<P> {
  const { request } = call;
  const holding = request.contextCache === undefined ? undefined : protocols.find(({ contextCache }) => contextCache);
  const own = protocols.find(({ protocol }) => protocol === request.protocol);
  const first = holding ?? own ?? protocols[0];
  let best: ChosenProtocol<P> = { protocol: first, encoded: encode(first, call) };
  if (holding !== undefined) return best;
  for (const protocol of protocols) {
    if (best.encoded.losses.length === 0) return best;
    if (protocol === first) continue;
    const encoded = encode(protocol, call);
    if (encoded.losses.length < best.encoded.losses.length) best = { protocol, encoded };
  }
  return best;
}

function encode(protocol: WireProtocol, call: UpstreamCall): EncodedRequest {
  try {
    return protocol.encode(call);
  } catch (thrown) {
    throw new AttemptFailure(toFault(thrown), 'not-sent');
  }
}
