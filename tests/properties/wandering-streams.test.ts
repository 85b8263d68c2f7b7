import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/base/json.ts';
import { SseParser } from '../../src/base/sse.ts';
import type { EventBatch } from '../../src/dialogue/event.ts';
import type { Protocol } from '../../src/dialogue/protocol.ts';
import { chatClient } from '../surfaces/clients/chat-client.ts';
import { messagesClient } from '../surfaces/clients/messages-client.ts';
import { responsesClient } from '../surfaces/clients/responses-client.ts';
import type { Json, SurfaceClient } from '../surfaces/clients/surface-client.ts';
import { encoded, protocols, received } from './codec-pairs.ts';
import { replyEnds, seals, single } from './reply-ends.ts';
import { type Segment, streamOf, wanderings } from './wandering-streams.ts';

const clients: Readonly<Record<Protocol, SurfaceClient>> = { 'openai-chat': chatClient, 'anthropic-messages': messagesClient, 'openai-responses': responsesClient };
const pairs = protocols.flatMap((surface) => protocols.map((upstream) => [surface, upstream] as const));
const usage = { inputUncached: 9, cacheRead: 0, cacheWrite: 0, output: 8, estimated: false };

/** Texts of several pieces are told apart by blank lines where they become one. */
function words(text: string): string {
  return text.replaceAll(/\s/g, '');
}

function textOf(segments: readonly Segment[], kind: Segment['kind']): string {
  return segments.flatMap((segment) => (segment.kind === kind ? segment.pieces : [])).join('');
}

/** All batches of a stream as it comes, cut somewhere. */
function batchesOf(upstream: Protocol, segments: readonly Segment[], cuts: readonly number[]): EventBatch[] {
  const bytes = Buffer.from(streamOf(upstream, segments));
  const parser = new SseParser();
  const reader = replyEnds[upstream].decoder();
  const at = [0, ...new Set(cuts.map((point) => point % bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return at.slice(1).flatMap((to, index) => parser.push(bytes.subarray(at[index], to)).map((payload) => reader.push(payload)));
}

describe.each(pairs)('a model that thinks, speaks and calls by turns, at %s over %s', (surface, upstream) => {
  it('is heard whole, in events that the vendors\' SDKs take', () => {
    fc.assert(
      fc.property(wanderings, fc.array(fc.nat(9000), { maxLength: 9 }), fc.boolean(), (segments, cuts, framed) => {
        const batches = batchesOf(upstream, segments, cuts);
        // A stage that changes events drops their frames, so that both ways must come to the same.
        const sent = replyEnds[surface].stream(framed ? batches : batches.flatMap(({ events }) => single(events)), usage);
        const heard = clients[surface].stream(sent, true);
        const calls = segments.flatMap((segment) => (segment.kind === 'call' ? [{ id: segment.id, name: segment.name, argumentsText: JSON.stringify(JSON.parse(segment.pieces.join(''))) }] : []));
        expect(words(heard.thinking)).toBe(words(textOf(segments, 'thinking')));
        expect(words(heard.text)).toBe(words(textOf(segments, 'text')));
        expect(heard.calls.map((call) => ({ ...call, argumentsText: JSON.stringify(JSON.parse(call.argumentsText)) }))).toEqual(calls);
        expect(heard.finish).toBe(calls.length > 0 ? 'tool-calls' : 'stop');
      }),
      { numRuns: 150 },
    );
  });
});

const sealing = ['anthropic-messages', 'openai-responses'] as const;

/** The turn as its client gives it back, with results for its calls, and as it then comes to the same upstream. */
function cameBack(surface: (typeof sealing)[number], upstream: Protocol, kept: readonly Json[], calls: readonly { readonly id: string }[]): JsonObject {
  const client = clients[surface];
  const history = [client.user('go'), ...kept, ...(calls.length === 0 ? [] : client.results(calls.map(({ id }) => ({ id, text: 'r' })))), client.user('on')];
  const body = JSON.parse(JSON.stringify(client.body({ model: 'm', stream: false }, history))) as JsonObject;
  return encoded(upstream, received(surface, body, seals)).body;
}

/** What the upstream has proved, in its order. */
function proofsIn(upstream: Protocol, body: JsonObject): unknown[] {
  const found: unknown[] = [];
  JSON.stringify(body, (key, value: unknown) => {
    if (key === (upstream === 'anthropic-messages' ? 'signature' : 'encrypted_content')) found.push(value);
    return value;
  });
  return found;
}

describe.each(sealing.flatMap((surface) => sealing.map((upstream) => [surface, upstream] as const)))('what it has proved, at %s over %s', (surface, upstream) => {
  it('comes back to it, all of it and in its order', () => {
    fc.assert(
      fc.property(wanderings, fc.boolean(), (segments, framed) => {
        const batches = batchesOf(upstream, segments, []);
        const { kept, calls } = clients[surface].stream(replyEnds[surface].stream(framed ? batches : batches.flatMap(({ events }) => single(events)), usage), true);
        fc.pre(kept.length > 0 && !(surface === 'anthropic-messages' && (kept[0]?.['content'] as unknown[]).length === 0));
        const body = cameBack(surface, upstream, kept, calls);
        const proved = segments.flatMap(({ kind }, index) => (kind === 'thinking' ? [`${upstream === 'anthropic-messages' ? 'sig' : 'enc'}${index}`] : []));
        // Responses has a seal on each of its items, of all that was proved until then; what stands behind words comes twice.
        expect([...new Set(proofsIn(upstream, body))]).toEqual(proved);
      }),
      { numRuns: 150 },
    );
  });
});
