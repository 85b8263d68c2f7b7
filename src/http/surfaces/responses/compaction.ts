import type { FastifyInstance } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import { newId } from '../../../base/id.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { DialogueReply } from '../../../dialogue/reply.ts';
import type { DialogueRequest } from '../../../dialogue/request.ts';
import { compactionItem, compactionObject } from '../../../wire/openai-responses/response-lists.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { answerGeneration } from '../../generation-exchange.ts';
import type { ReplyWriter } from '../../reply-writer.ts';
import { newItemId } from './new-item-id.ts';
import { openTurn, type Turn } from './open-turn.ts';
import type { ResponsesDeps } from './responses-deps.ts';

/** What the model is asked for in place of an answer; in the first person, as a note to itself (tool-calls.md, compaction of Kimi's own agents). */
const instruction = `Summarise the conversation so far, so that you can go on from your summary alone: it takes the place of everything before it.
Write in the first person and in the language of the conversation. State, as far as they occurred: what the user wants, and every constraint and preference
in the user's own words; what has been done, decided and found out, with names, paths, figures and code that will be needed again; what was tried and failed, and why;
what is still open, and the next step. Leave out what is settled and of no more use. Answer with the summary only; do not call tools.`;

/**
 * `POST {base}/responses/compact`: a conversation as one item that stands for it. The model writes a summary, which the client carries
 * sealed, as it carries reasoning.
 */
export function registerCompaction(app: FastifyInstance, base: BasePath, deps: ResponsesDeps): void {
  const surface = `${base.path}/responses/compact`;
  app.post(surface, async (httpRequest, reply) => {
    const turn = await openTurn(deps, callerOf(httpRequest), { ...parseResponsesBody(httpRequest.body, 'openai'), stream: false, background: false });
    return answerGeneration(httpRequest, reply, deps, { surface, request: summaryRequest(turn.request), writer: compactionWriter(deps, turn) });
  });
}

/** The same conversation with another question: tools are told of, since their calls are part of it, but may not be called. */
function summaryRequest({ outputFormat: _format, toolChoice: _choice, ...request }: DialogueRequest): DialogueRequest {
  return {
    ...request,
    messages: [...request.messages, { role: 'user', content: instruction }],
    ...(request.tools === undefined ? {} : { toolChoice: { type: 'none' } as const }),
    stream: false,
  };
}

function compactionWriter(deps: ResponsesDeps, turn: Turn): ReplyWriter {
  const never = (): never => {
    throw new Fault('internal');
  };
  return {
    encode: never,
    finish: never,
    fail: never,
    whole: ({ reply, usage }) => {
      const seals = deps.sealsOf(turn.scope.tenantId);
      const item = compactionItem(newItemId('cmp', deps.random), seals.seal({ text: summaryOf(reply) }, false));
      return compactionObject(newId('resp', deps.clock, deps.random), Math.floor(turn.createdMs / 1000), [item], usage) satisfies JsonObject;
    },
  };
}

function summaryOf(reply: DialogueReply): string {
  const text = reply.choices[0]?.text ?? '';
  if (text.trim() !== '') return text;
  throw new Fault('upstream_invalid_reply', { message: 'the model wrote no summary; send the request again, or go on without a compaction' });
}
