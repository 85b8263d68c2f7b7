import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseParser } from '../../src/base/sse.ts';
import type { EventBatch } from '../../src/dialogue/event.ts';
import type { Protocol } from '../../src/dialogue/protocol.ts';
import { chatClient } from '../surfaces/clients/chat-client.ts';
import { messagesClient } from '../surfaces/clients/messages-client.ts';
import { responsesClient } from '../surfaces/clients/responses-client.ts';
import type { SurfaceClient } from '../surfaces/clients/surface-client.ts';
import { protocols } from './codec-pairs.ts';
import { replyEnds, single } from './reply-ends.ts';
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

describe.each(pairs)('a model that thinks, speaks and calls by turns, at %s over %s', (surface, upstream) => {
  it('is heard whole, in events that the vendors\' SDKs take', () => {
    fc.assert(
      fc.property(wanderings, fc.array(fc.nat(9000), { maxLength: 9 }), fc.boolean(), (segments, cuts, framed) => {
        const bytes = Buffer.from(streamOf(upstream, segments));
        const parser = new SseParser();
        const reader = replyEnds[upstream].decoder();
        const at = [0, ...new Set(cuts.map((point) => point % bytes.length)), bytes.length].toSorted((a, b) => a - b);
        const batches: EventBatch[] = [];
        for (const [index, to] of at.slice(1).entries()) for (const payload of parser.push(bytes.subarray(at[index], to))) batches.push(reader.push(payload));
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
