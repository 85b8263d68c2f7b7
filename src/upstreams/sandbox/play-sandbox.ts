import { systemClock } from '../../base/clock.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import { Fold } from '../../dialogue/fold.ts';
import type { DialogueReply, ReplyChoice } from '../../dialogue/reply.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { Tool } from '../../dialogue/tool.ts';
import { AttemptFailure, type UpstreamCall } from '../upstream.ts';
import { instantScript } from './sandbox-script.ts';
import { type SandboxOptions, SandboxUpstream } from './sandbox-upstream.ts';

// What the sandbox's own tests share: asking it, and writing down what comes back.

const fixedClock = { ...systemClock, nowMs: () => 1_762_000_000_000 };

/** A sandbox without waiting, in November 2025. */
export function sandbox(options: Partial<SandboxOptions> = {}): SandboxUpstream {
  return new SandboxUpstream({ clock: fixedClock, script: instantScript, ...options });
}

/** A request of one user message. */
export function asking(text: string, more: Partial<DialogueRequest> = {}): DialogueRequest {
  return { protocol: 'openai-chat', model: 'kimi-k2', messages: [{ role: 'user', content: text }], sampling: {}, stream: false, ...more };
}

/** The request as a call of `kimi-k2`. */
export function callOf(request: DialogueRequest, more: Partial<UpstreamCall> = {}): UpstreamCall {
  return { request, upstreamModel: 'kimi-k2', generationId: 'gen_1', ...more };
}

/** What a call came to. */
export interface Played {
  readonly events: readonly DialogueEvent[];
  readonly reads: number;
  readonly opened: number;
  readonly failure: AttemptFailure | undefined;
  readonly result: DialogueReply | undefined;
}

/** Plays one call to its end and writes down what happened; throws only what is no `AttemptFailure`. */
export async function play(upstream: SandboxUpstream, call: UpstreamCall, signal = new AbortController().signal): Promise<Played> {
  const events: DialogueEvent[] = [];
  let reads = 0;
  let opened = 0;
  const handler = {
    onOpen: () => { opened += 1; },
    onBatches: (batches: readonly { readonly events: readonly DialogueEvent[] }[]) => {
      reads += 1;
      for (const batch of batches) events.push(...batch.events);
    },
  };
  try {
    const result = await upstream.generate(call, handler, signal);
    return { events, reads, opened, failure: undefined, result };
  } catch (thrown) {
    if (!(thrown instanceof AttemptFailure)) throw thrown;
    return { events, reads, opened, failure: thrown, result: undefined };
  }
}

/** The reply to a call that is expected to succeed. */
export async function reply(call: UpstreamCall, upstream = sandbox()): Promise<DialogueReply> {
  const played = await play(upstream, call);
  if (played.result === undefined) throw played.failure ?? new Error('no reply');
  return played.result;
}

/** The first choice of the reply to a request. */
export async function firstChoice(request: DialogueRequest, more: Partial<UpstreamCall> = {}): Promise<ReplyChoice> {
  const [choice] = (await reply(callOf(request, more))).choices;
  if (choice === undefined) throw new Error('no choice');
  return choice;
}

/** The reply that events amount to. */
export function folded(events: readonly DialogueEvent[]): DialogueReply {
  const fold = new Fold();
  for (const event of events) fold.add(event);
  return fold.reply();
}

/** Tools to offer. */
export const weather: Tool = {
  kind: 'function',
  name: 'get_weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};
export const search: Tool = { kind: 'function', name: 'search', parameters: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] } };
