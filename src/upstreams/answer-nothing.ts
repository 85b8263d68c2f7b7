import type { DialogueReply } from '../dialogue/reply.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { UpstreamHandler } from './upstream.ts';

const usage: Usage = { inputUncached: 0, cacheRead: 0, cacheWrite: 0, output: 0, estimated: false };
const finish = { reason: 'stop' } as const;

/**
 * The answer of a place that was only to hold a prompt, and holds none by name: nothing was read, and nothing is said. Streamed, it goes
 * to `handler`; else it is what is returned.
 */
export function answerNothing(
  { id, model, createdS, stream }: { readonly id: string; readonly model: string; readonly createdS: number; readonly stream: boolean },
  handler: UpstreamHandler,
): DialogueReply | undefined {
  handler.onOpen({ pause: () => undefined, resume: () => undefined }, []);
  if (!stream) return { id, model, createdS, choices: [{ toolCalls: [], finish }], usage };
  handler.onBatches([{ events: [{ type: 'reply-start', id, model, createdS }, { type: 'choice-end', choice: 0, finish }, { type: 'usage', usage }] }]);
  return undefined;
}
