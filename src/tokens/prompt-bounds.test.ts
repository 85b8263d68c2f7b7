import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import type { Content, Message } from '../dialogue/message.ts';
import type { DialogueRequest, Thinking } from '../dialogue/request.ts';
import type { Tool, ToolCall } from '../dialogue/tool.ts';
import { Bpe } from './bpe.ts';
import type { MarkedText } from './marked-text.ts';
import { promptLowerBound, promptUpperBound } from './prompt-bounds.ts';
import { countPrompt, type PromptCounter } from './prompt-count.ts';
import { textAtoms, toyBpe } from './toy-vocabulary.ts';

/** Where K2's own file is; undefined where it is not. */
const realTokenizerPath: string | undefined = process.env['MOONGATE_TOKENIZER'];

const text = fc.array(fc.constantFrom(...textAtoms, '"', '&', '\\', '\u0007'), { maxLength: 20 }).map((it) => it.join(''));
const long = fc.tuple(fc.constantFrom(' ', '*', 'a', '中'), fc.integer({ max: 1500, min: 1 })).map(([a, n]) => a.repeat(n));
const content: fc.Arbitrary<Content> = fc.oneof(
  text,
  long,
  fc.constant(null),
  fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('text' as const), text }),
      fc.constant({ type: 'image' as const, url: 'ms://i' }),
      fc.constant({ type: 'video' as const, url: 'ms://v' }),
      fc.record({ type: fc.constant('opaque' as const), protocol: fc.constant('p'), value: fc.record({ x: text }) }),
    ),
    { maxLength: 3 },
  ),
);
const argumentsText = fc.oneof(fc.dictionary(text, fc.jsonValue({ maxDepth: 2 })).map((it) => JSON.stringify(it)), text);
const calls: fc.Arbitrary<readonly ToolCall[]> = fc.array(
  fc.record({ id: text, kind: fc.constant('function' as const), name: text, argumentsText }),
  { maxLength: 4 },
);
const schema = fc.letrec<{ schema: JsonObject }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<JsonObject>({ type: 'string' }, { type: 'integer', minimum: 1 }, { enum: ['a', 'b"', 'c'] }, {}),
    fc.record({ type: fc.constant('string'), description: text, default: text }),
    fc.record({ type: fc.constant('array'), items: tie('schema'), description: text }),
    fc.record({ anyOf: fc.array(tie('schema'), { maxLength: 3 }) }),
    fc.record({ type: fc.constant('object'), properties: fc.dictionary(fc.string({ maxLength: 3 }), tie('schema'), { maxKeys: 5 }) }),
  ),
})).schema;
const tools: fc.Arbitrary<readonly Tool[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('function' as const), name: fc.constantFrom('f', 'get_it'), description: text, parameters: schema }),
    fc.constant({ kind: 'builtin' as const, name: '$web_search' }),
  ),
  { maxLength: 3 },
);
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constant('user' as const), content, name: text }),
  fc.record({ role: fc.constant('system' as const), content }),
  fc.record({ role: fc.constant('system' as const), tools }),
  fc.record({ role: fc.constant('assistant' as const), content, thinking: text, toolCalls: calls }),
  fc.record({ role: fc.constant('assistant' as const), content, partial: fc.constant(true as const) }),
  fc.record({ role: fc.constant('tool' as const), toolCallId: text, content }),
);
const thinking: fc.Arbitrary<Thinking> = fc.constantFrom({}, { mode: 'off' }, { keep: 'all' }, { effort: 'high' });
const request: fc.Arbitrary<DialogueRequest> = fc.record({
  protocol: fc.constant('openai-chat' as const),
  model: fc.constantFrom('kimi-k2', 'kimi-k2-thinking', 'kimi-k2.5', 'kimi-k2.6', 'kimi-k2.7-code', 'kimi-k3', 'other'),
  messages: fc.array(message, { maxLength: 6 }),
  tools,
  thinking,
  toolChoice: fc.constantFrom({ type: 'auto' as const }, { type: 'required' as const }),
  outputFormat: fc.oneof(
    fc.constant({ type: 'json' as const }),
    fc.record({ type: fc.constant('json-schema' as const), name: fc.constant('n'), schema }),
  ),
  sampling: fc.constant({}),
  stream: fc.constant(false),
});

/** As many tokens as any tokenizer can come to: one for each byte, one for each special token. */
const mostTokens: PromptCounter = {
  countMarked({ text: rendered, marks }: MarkedText): number {
    let tokens = Buffer.byteLength(rendered);
    for (let i = 0; i < marks.length; i += 2) {
      const length = (marks[i + 1] as number) - (marks[i] as number);
      tokens -= length > 0 ? length - 1 : 0;
    }
    return tokens;
  },
};

function holdBounds(bpe: Bpe, numRuns: number): void {
  fc.assert(
    fc.property(request, (asked) => {
      const { tokens } = countPrompt(asked, asked.model, bpe);
      expect(promptLowerBound(asked)).toBeLessThanOrEqual(tokens);
      expect(tokens).toBeLessThanOrEqual(promptUpperBound(asked, asked.model));
    }),
    { numRuns },
  );
}

describe('prompt bounds', () => {
  it('the upper bound holds whatever the tokenizer', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { tokens } = countPrompt(asked, asked.model, mostTokens);
        expect(tokens).toBeLessThanOrEqual(promptUpperBound(asked, asked.model));
      }),
      { numRuns: 2000 },
    );
  });

  it('the upper bound is near the bytes of a plain prompt', () => {
    const asked: DialogueRequest = { protocol: 'openai-chat', model: 'kimi-k2', messages: [{ role: 'user', content: 'x'.repeat(5000) }], sampling: {}, stream: false };
    expect(promptUpperBound(asked, 'kimi-k2')).toBeLessThan(6000);
  });

  it('count lies between the bounds', () => holdBounds(toyBpe(), 500));

  it.skipIf(realTokenizerPath === undefined)(`count lies between the bounds with K2's vocabulary (needs K2's file: set MOONGATE_TOKENIZER)`, () => {
    holdBounds(Bpe.load(readFileSync(realTokenizerPath ?? '')), 1000);
  });

  it('the lower bound is reached by blanks', () => {
    const blanks: DialogueRequest = { protocol: 'openai-chat', model: '', messages: [{ role: 'user', content: ' '.repeat(25_600) }], sampling: {}, stream: false };
    expect(promptLowerBound(blanks)).toBe(100);
  });
});
