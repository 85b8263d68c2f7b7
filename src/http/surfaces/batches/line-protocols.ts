import type { Caller } from '../../../access/caller.ts';
import { Fault } from '../../../base/fault.ts';
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import type { DecodedLine, LineProtocol, LineProtocols } from '../../../batches/line-protocol.ts';
import { encodeMessagesReply } from '../../../wire/anthropic-messages/reply-encode.ts';
import { decodeMessagesRequest } from '../../../wire/anthropic-messages/request-decode.ts';
import { encodeChatReply } from '../../../wire/openai-chat/reply-encode.ts';
import { decodeChatRequest } from '../../../wire/openai-chat/request-decode.ts';
import { encodeResponse } from '../../../wire/openai-responses/reply-encode.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import { type BasePath, basePaths } from '../../base-path.ts';
import { dressFault } from '../../fault-dress.ts';
import { parseJsonBody } from '../../json-body.ts';
import { messagesBasePaths } from '../../protocol-of-path.ts';
import { storedTurn } from '../responses/keep-turn.ts';
import { openTurn } from '../responses/open-turn.ts';
import type { ResponsesDeps } from '../responses/responses-deps.ts';
import { styleOf } from '../responses/turn-writer.ts';

/** The version of Anthropic's protocol that lines are written in, since they have no header to say another. */
const messagesVersion = '2023-06-01';

/** The protocols of all endpoints that a batch can be made for. */
export function lineProtocols(deps: ResponsesDeps): LineProtocols {
  const protocols = new Map<string, LineProtocol>([
    ...basePaths.map((base) => entry(`${base.path}/chat/completions`, (_caller, body) => chatLine(base, body))),
    ...basePaths.map((base) => entry(`${base.path}/responses`, (caller, body) => responsesLine(deps, base, caller, body))),
    ...messagesBasePaths.map((path) => entry(`${path}/messages`, (caller, body) => messagesLine(deps, caller, body))),
  ]);
  return {
    of: (endpoint) => protocols.get(endpoint),
    isSame: (url, endpoint) => url === endpoint || tailOf(url) === tailOf(endpoint),
    endpoints: [...protocols.keys()],
    parseJson: parseJsonBody,
  };
}

function entry(surface: string, decode: LineProtocol['decode']): [string, LineProtocol] {
  return [
    surface,
    {
      surface,
      decode(caller, body) {
        if (body['stream'] === true) throw new Fault('invalid_request', { message: "Invalid request: 'stream' is not supported in a batch; leave it out", field: 'stream' });
        return decode(caller, body);
      },
      encodeFault: (fault, requestId) => dressFault(fault, surface, requestId),
    },
  ];
}

/** What is left of an endpoint without host and base path: `/chat/completions`, whoever's base it is written with. */
function tailOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]+/, '').replace(/^(\/api\/v1|\/api\/v3|\/anthropic\/v1|\/v1)(?=\/)/, '');
}

function chatLine({ vendor }: BasePath, body: JsonObject): DecodedLine {
  const { request, includeUsage, reasoningAlias, thinking } = decodeChatRequest(body, vendor);
  const style = { vendor, reasoningAlias: reasoningAlias || vendor === 'openrouter', thinking, includeUsage };
  return { request, encode: ({ reply, cost }) => ({ body: encodeChatReply(reply, style, cost) }) };
}

function messagesLine({ sealsOf }: ResponsesDeps, { tenantId }: Caller, body: JsonObject): DecodedLine {
  const { request, style } = decodeMessagesRequest(body, { seals: sealsOf(tenantId), version: messagesVersion });
  return { request, encode: ({ reply }) => ({ body: encodeMessagesReply(reply, style) }) };
}

/** A response may go on from a stored one, and be stored itself; what takes an order of turns, or goes on after its answer, is not for a batch. */
async function responsesLine(deps: ResponsesDeps, { vendor }: BasePath, caller: Caller, wire: JsonObject): Promise<DecodedLine> {
  const body = parseResponsesBody(wire, vendor === 'ark' ? 'ark' : 'openai');
  const refused = body.background ? 'background' : body.conversationId !== undefined ? 'conversation' : undefined;
  if (refused !== undefined) throw new Fault('invalid_request', { message: `'${refused}' is not supported in a batch; leave it out.`, field: refused });
  const turn = await openTurn(deps, caller, body);
  if (turn.caching !== undefined) throw new Fault('invalid_request', { message: "'caching' is not supported in a batch; leave it out.", field: 'caching' });
  return {
    request: turn.request,
    encode({ reply, usage, generationId, attempt }) {
      const { response, stored } = encodeResponse(reply, usage, styleOf(deps, turn));
      if (!body.store) return { body: response };
      const { output } = stored;
      const end = { body: stored, output: Array.isArray(output) ? output.filter(isJsonObject) : [], usage, generationId, ...(attempt === undefined ? {} : { attempt }) };
      return { body: response, kept: deps.responses.saving(turn.scope, storedTurn(deps, turn, end)) };
    },
  };
}
