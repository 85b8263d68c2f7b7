import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/base/json.ts';
import { SseParser } from '../../src/base/sse.ts';
import type { DialogueEvent } from '../../src/dialogue/event.ts';
import { Fold } from '../../src/dialogue/fold.ts';
import type { AssistantMessage } from '../../src/dialogue/message.ts';
import type { DialogueReply, ReplyChoice } from '../../src/dialogue/reply.ts';
import type { ThinkingProof, ThinkingSeals } from '../../src/dialogue/thinking-seal.ts';
import type { Usage } from '../../src/dialogue/usage.ts';
import { TenantThinkingSeals } from '../../src/fidelity/tenant-thinking-seals.ts';
import { encodeMessagesReply } from '../../src/wire/anthropic-messages/reply-encode.ts';
import { decodeMessagesRequest } from '../../src/wire/anthropic-messages/request-decode.ts';
import { normaliseInput } from '../../src/wire/openai-responses/input-items.ts';
import { responsesRequestOf } from '../../src/wire/openai-responses/request-decode.ts';
import { parseResponsesBody } from '../../src/wire/openai-responses/responses-request-schema.ts';
import { protocols, upstreamId } from './codec-pairs.ts';
import { words } from './conversations.ts';
import { replyEnds, sealer, seals, single, styleWith } from './reply-ends.ts';

const proofs: fc.Arbitrary<ThinkingProof | undefined> = fc.constantFrom(
  undefined,
  ...protocols.map((protocol): ThinkingProof => ({ protocol, upstreamId, value: 'cHJvb2Y' })),
  ...protocols.map((protocol): ThinkingProof => ({ protocol, upstreamId, value: 'aGlkZGVu', hidden: true })),
);

interface Said {
  readonly choice: ReplyChoice;
  readonly usage: Usage;
  /** How long the pieces are in which it is told, and where the network cuts them. */
  readonly pieceLength: number;
  readonly cuts: readonly number[];
}

const said: fc.Arbitrary<Said> = fc.record({
  thinking: fc.option(words, { nil: undefined }),
  proof: proofs,
  text: fc.option(words, { nil: undefined }),
  calls: fc.array(fc.record({ name: fc.stringMatching(/^[a-z_]{1,8}$/), value: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer()), { maxKeys: 3 }) }), { maxLength: 3 }),
  end: fc.constantFrom('stop' as const, 'length' as const, 'content-filter' as const),
  output: fc.integer({ min: 10, max: 999 }), cacheRead: fc.nat(99), inputUncached: fc.integer({ min: 1, max: 999 }), reasoning: fc.nat(10),
  pieceLength: fc.integer({ min: 1, max: 20 }),
  cuts: fc.array(fc.nat(9000), { maxLength: 12 }),
}).map(({ thinking, proof, text, calls, end, pieceLength, cuts, ...counts }) => {
  const proven = proof === undefined || (thinking === undefined) !== (proof.hidden === true) ? undefined : proof;
  return {
    choice: {
      ...(text === undefined && calls.length > 0 ? {} : { text: text ?? 'well' }),
      ...(thinking === undefined ? {} : { thinking }),
      ...(proven === undefined ? {} : { thinkingProof: proven }),
      toolCalls: calls.map(({ name, value }, index) => ({ id: `call_${index}`, kind: 'function' as const, name, argumentsText: JSON.stringify(value) })),
      finish: { reason: calls.length > 0 ? ('tool-calls' as const) : end },
    },
    usage: { ...counts, cacheWrite: 0, estimated: false },
    pieceLength,
    cuts,
  };
});

function pieces(whole: string | undefined, length: number): string[] {
  const characters = [...(whole ?? '')];
  return Array.from({ length: Math.ceil(characters.length / length) }, (_none, index) => characters.slice(index * length, (index + 1) * length).join(''));
}

/** Parallel calls are open side by side, and their arguments come by turns. */
function eventsOf({ choice, usage, pieceLength }: Said): DialogueEvent[] {
  const { thinking, thinkingProof: proof, text, toolCalls, finish } = choice;
  const written = toolCalls.map(({ argumentsText }) => pieces(argumentsText, pieceLength));
  const longest = Math.max(0, ...written.map(({ length }) => length));
  return [
    { type: 'reply-start', id: 'up_1', model: 'm', createdS: 7 },
    ...pieces(thinking, pieceLength).map((piece): DialogueEvent => ({ type: 'thinking-delta', choice: 0, text: piece })),
    ...(proof === undefined ? [] : [{ type: 'thinking-proof', choice: 0, proof } as const]),
    ...pieces(text, pieceLength).map((piece): DialogueEvent => ({ type: 'text-delta', choice: 0, text: piece })),
    ...toolCalls.map(({ id, kind, name }, index): DialogueEvent => ({ type: 'tool-call-start', choice: 0, index, id, kind, name })),
    ...Array.from({ length: longest }, (_none, at) => written.flatMap((list, index): DialogueEvent[] => (list[at] === undefined ? [] : [{ type: 'tool-call-delta', choice: 0, index, argumentsText: list[at] }]))).flat(),
    { type: 'choice-end', choice: 0, finish },
    { type: 'usage', usage },
  ];
}

function folded(events: readonly DialogueEvent[]): DialogueReply {
  const fold = new Fold();
  for (const event of events) fold.add(event);
  return fold.reply();
}

/** What was said, without the proof, which an upstream of ours would have given another. */
function meaning({ choices, usage }: DialogueReply): unknown {
  return { usage, choices: choices.map(({ thinkingProof: _proof, ...choice }) => choice) };
}

describe.each(protocols)('a reply by %s', (protocol) => {
  const { stream, whole, decoder, decodeWhole } = replyEnds[protocol];

  it('streamed, however it is cut, says what was said', () => {
    fc.assert(
      fc.property(said, (one) => {
        const events = eventsOf(one);
        const bytes = Buffer.from(stream(single(events), one.usage));
        const reader = decoder();
        const parser = new SseParser();
        const at = [0, ...new Set(one.cuts.map((point) => point % bytes.length)), bytes.length].toSorted((a, b) => a - b);
        const read: DialogueEvent[] = [];
        for (const [index, to] of at.slice(1).entries()) for (const payload of parser.push(bytes.subarray(at[index], to))) read.push(...reader.push(payload).events);
        expect(reader.ended).toBe(true);
        expect(meaning(folded(read))).toEqual(meaning(folded(events)));
      }),
      { numRuns: 200 },
    );
  });

  it('whole, says what was said', () => {
    fc.assert(
      fc.property(said, (one) => {
        const reply = folded(eventsOf(one));
        expect(meaning(decodeWhole(JSON.parse(JSON.stringify(whole(reply))) as JsonObject))).toEqual(meaning(reply));
      }),
      { numRuns: 200 },
    );
  });
});

interface Keeper {
  /** The model's turn as a client of this protocol keeps it, from a whole reply or from a stream. */
  readonly name: string;
  kept(one: Said, given: ThinkingSeals): AssistantMessage | undefined;
}

function byMessages(content: unknown, calls: readonly { readonly id: string }[], given: ThinkingSeals): AssistantMessage | undefined {
  const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'r' }));
  const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'go' }, { role: 'assistant', content }, { role: 'user', content: [...results, { type: 'text', text: 'on' }] }] };
  const { messages } = decodeMessagesRequest(JSON.parse(JSON.stringify(body)), { seals: given, version: '2023-06-01' }).request;
  return messages.find((message) => message.role === 'assistant');
}

function byResponses(output: readonly unknown[], calls: readonly { readonly id: string }[], given: ThinkingSeals): AssistantMessage | undefined {
  const outputs = calls.map(({ id }) => ({ type: 'function_call_output', call_id: id, output: 'r' }));
  const parsed = parseResponsesBody(JSON.parse(JSON.stringify({ model: 'm', input: [{ role: 'user', content: 'go' }, ...output, ...outputs] })), 'openai');
  const { messages } = responsesRequestOf(parsed, [], normaliseInput(parsed, (prefix) => `${prefix}_x`), { seals: given });
  return messages.find((message) => message.role === 'assistant');
}

const keepers: readonly Keeper[] = [
  ...(['shown', 'omitted'] as const).map((display): Keeper => ({
    name: `Messages, thinking ${display}`,
    kept: (one, given) => byMessages(encodeMessagesReply(folded(eventsOf(one)), styleWith(seals, display))['content'], one.choice.toolCalls, given),
  })),
  { name: 'Responses', kept: (one, given) => byResponses(replyEnds['openai-responses'].whole(folded(eventsOf(one)))['output'] as unknown[], one.choice.toolCalls, given) },
  {
    name: 'Responses, of which the client keeps only what is sealed',
    kept: (one, given) => {
      const output = replyEnds['openai-responses'].whole(folded(eventsOf(one)))['output'] as JsonObject[];
      return byResponses(output.map(({ id: _id, ...item }) => (item['type'] === 'reasoning' ? { ...item, summary: [], content: null } : item)), one.choice.toolCalls, given);
    },
  },
];

describe.each(keepers)('thinking in the hands of a client of $name', ({ kept }) => {
  it('comes back with its proof, whoever gave it', () => {
    fc.assert(
      fc.property(said, (one) => {
        const { text, thinking, thinkingProof, toolCalls } = one.choice;
        const message = kept(one, seals);
        expect({ text: message?.content ?? undefined, thinking: message?.thinking || undefined, thinkingProof: message?.thinkingProof, toolCalls: message?.toolCalls ?? [] })
          .toEqual({ text, thinking, thinkingProof, toolCalls });
      }),
      { numRuns: 150 },
    );
  });

  it('does not open for another tenant', () => {
    const one: Said = { choice: { text: 'well', thinking: 'hm', toolCalls: [], finish: { reason: 'stop' } }, usage: { inputUncached: 1, cacheRead: 0, cacheWrite: 0, output: 1, estimated: false }, pieceLength: 9, cuts: [] };
    expect(kept(one, seals)?.thinking).toBe('hm');
    expect(() => kept(one, new TenantThinkingSeals(sealer, 'ten_2'))).toThrow(/signature|could not be verified/);
  });
});
