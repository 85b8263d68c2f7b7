import type { JsonObject } from '../../base/json.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import type { DialogueReply } from '../../dialogue/reply.ts';
import type { Usage } from '../../dialogue/usage.ts';
import type { ResponsesStyle } from './responses-style.ts';
import { ResponsesStreamEncoder } from './stream-encode.ts';

/**
 * A whole reply as a response: what its stream would end with, since it is made by the same code. `response` is to be shown, `stored`
 * to be kept (it may hold sealed reasoning that was not asked for). `usage` undefined: not known.
 */
export function encodeResponse(reply: DialogueReply, usage: Usage | undefined, style: ResponsesStyle): { response: JsonObject; stored: JsonObject } {
  const encoder = new ResponsesStreamEncoder(style);
  encoder.encode([{ events: eventsOf(reply) }]);
  encoder.finish(usage);
  return { response: encoder.response(), stored: encoder.storedResponse() };
}

function eventsOf(reply: DialogueReply): DialogueEvent[] {
  const [choice] = reply.choices;
  if (choice === undefined) return [];
  const { thinking, thinkingProof, text, refusal, toolCalls, finish } = choice;
  return [
    ...(thinking === undefined ? [] : [{ type: 'thinking-delta', choice: 0, text: thinking } as const]),
    ...(thinkingProof === undefined ? [] : [{ type: 'thinking-proof', choice: 0, proof: thinkingProof } as const]),
    ...(text === undefined ? [] : [{ type: 'text-delta', choice: 0, text } as const]),
    ...(refusal === undefined ? [] : [{ type: 'refusal-delta', choice: 0, text: refusal } as const]),
    ...toolCalls.flatMap(({ id, kind, name, argumentsText }, index): DialogueEvent[] => [
      { type: 'tool-call-start', choice: 0, index, id, kind, name },
      { type: 'tool-call-delta', choice: 0, index, argumentsText },
    ]),
    { type: 'choice-end', choice: 0, finish },
  ];
}
