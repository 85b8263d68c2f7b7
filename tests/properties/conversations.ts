import fc from 'fast-check';
import type { JsonObject } from '../../src/base/json.ts';
import type { Extensions } from '../../src/dialogue/extensions.ts';
import type { Message, Part } from '../../src/dialogue/message.ts';
import type { Protocol } from '../../src/dialogue/protocol.ts';
import type { DialogueRequest } from '../../src/dialogue/request.ts';
import type { ThinkingProof } from '../../src/dialogue/thinking-seal.ts';
import type { FunctionTool } from '../../src/dialogue/tool.ts';
import { protocols, upstreamId } from './codec-pairs.ts';

/** Says something, whatever is in it. */
export const words = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => `say ${text}.`);
const name = fc.stringMatching(/^[a-z_]{1,8}$/);
const png = fc.stringMatching(/^[A-Za-z0-9+/]{4}$/).map((data) => `data:image/png;base64,${data}`);
const jsonText = fc.dictionary(name, fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null)), { maxKeys: 3 }).map((value) => JSON.stringify(value));
const schema = name.map((field) => ({ type: 'object', properties: { [field]: { type: 'string' } }, required: [field] }));

const shown: fc.Arbitrary<Part> = fc.oneof(words.map((text): Part => ({ type: 'text', text })), png.map((url): Part => ({ type: 'image', url })));
const content = fc.oneof(words, fc.array(shown, { minLength: 2, maxLength: 3 }));

const assistant = fc.record({
  text: fc.option(words, { nil: undefined }),
  thinking: fc.option(words, { nil: undefined }),
  calls: fc.array(fc.record({ name, argumentsText: jsonText, result: fc.oneof(words, content) }), { maxLength: 3 }),
});

/** Turns that every protocol can tell apart: the user's and the assistant's by turns, each call with its result behind it. */
const turns = fc.array(fc.record({ user: content, assistant, aside: fc.option(words, { nil: undefined }) }), { maxLength: 3 }).map((list): Message[] =>
  list.flatMap(({ user, assistant: { text, thinking, calls }, aside }, turn): Message[] => [
    { role: 'user', content: user },
    {
      role: 'assistant',
      // Without calls there must be words.
      ...(text === undefined && calls.length > 0 ? {} : { content: text ?? 'so be it' }),
      ...(thinking === undefined ? {} : { thinking }),
      ...(calls.length === 0 ? {} : { toolCalls: calls.map((call, index) => ({ id: `t${turn}c${index}`, kind: 'function' as const, name: call.name, argumentsText: call.argumentsText })) }),
    },
    ...calls.map(({ result }, index): Message => ({ role: 'tool', toolCallId: `t${turn}c${index}`, content: result })),
    ...(aside === undefined ? [] : [{ role: 'system' as const, content: aside }]),
  ]),
);

const tools: fc.Arbitrary<FunctionTool[]> = fc.uniqueArray(
  fc.record({ kind: fc.constant('function' as const), name, description: words, parameters: schema, strict: fc.boolean() }, { requiredKeys: ['kind', 'name', 'parameters'] }),
  { selector: (tool) => tool.name, minLength: 1, maxLength: 3 },
);

/** Without undefined fields, as exact optional properties want it, and without minus zero, which JSON has not. */
function exact(request: DialogueRequest): DialogueRequest {
  return JSON.parse(JSON.stringify(request)) as DialogueRequest;
}

/** Requests of which every protocol can say all. */
export const commonRequests: fc.Arbitrary<DialogueRequest> = fc.record({
  opening: fc.option(words, { nil: undefined }),
  turns,
  last: content,
  tools: fc.option(tools, { nil: undefined }),
  choice: fc.constantFrom(undefined, 'auto', 'required', 'none', 'named'),
  parallel: fc.constantFrom(undefined, true, false),
  more: fc.record({
    thinking: fc.constantFrom({ mode: 'on' as const }, { mode: 'off' as const }, { mode: 'on' as const, effort: 'high' }, { effort: 'low' }),
    outputFormat: schema.map((declared) => ({ type: 'json-schema' as const, name: 'output', schema: declared, strict: true })),
    cacheKey: words,
  }, { requiredKeys: [] }),
  outputTokensMax: fc.integer({ min: 1, max: 1e6 }),
  temperature: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
  stream: fc.boolean(),
}).map(({ opening, turns: told, last, tools: declared, choice, parallel, more, outputTokensMax, temperature, stream }) =>
  exact({
    protocol: 'openai-chat',
    model: 'm',
    messages: [...(opening === undefined ? [] : [{ role: 'system' as const, content: opening }]), ...told, { role: 'user', content: last }],
    ...(declared === undefined ? {} : {
      tools: declared,
      ...(choice === undefined ? {} : { toolChoice: choice === 'named' ? { type: choice, name: declared[0]?.name ?? '' } : { type: choice } }),
      // `none` beside it leaves nothing to be done at once.
      ...(parallel === undefined || choice === 'none' ? {} : { parallelToolCalls: parallel }),
    }),
    sampling: temperature === undefined ? {} : { temperature },
    outputTokensMax,
    stream,
    ...more,
  }));

/** A thing of a request that must not be lost in silence: a text that stands nowhere else in it, or a field that says the same later. */
export interface Fact {
  /** Found in the request that arrives. */
  readonly token: string;
  /** Whose loss covers it: paths that are told for it, or for what it is a part of. */
  readonly declared: RegExp;
}

export interface RichRequest {
  readonly request: DialogueRequest;
  readonly facts: readonly Fact[];
}

const proofs: fc.Arbitrary<ThinkingProof | undefined> = fc.constantFrom(
  undefined,
  { protocol: 'anthropic-messages', upstreamId, value: 'cHJvb2Y' },
  { protocol: 'openai-responses', upstreamId, value: 'cHJvb2Y' },
);

/** The kinds of pieces that some protocol has, each with the token by which it is found again. */
const pieceKinds = ['text', 'image', 'image detail', 'video', 'file', 'opaque'] as const;

function piece(kind: (typeof pieceKinds)[number], token: string, protocol: Protocol): Part {
  switch (kind) {
    case 'text':
      return { type: 'text', text: token };
    case 'image':
      return { type: 'image', url: `https://example.test/${token}.png` };
    case 'image detail':
      return { type: 'image', url: 'data:image/png;base64,AAAA', detail: token };
    case 'video':
      return { type: 'video', url: `https://example.test/${token}.mp4` };
    case 'file':
      return { type: 'file', url: 'data:application/pdf;base64,AAAA', filename: token };
    case 'opaque':
      return { type: 'opaque', protocol, value: { type: protocol === 'openai-responses' ? 'computer_screenshot' : 'x_piece', token } };
  }
}

const richTurn = fc.record({
  user: fc.array(fc.constantFrom(...pieceKinds), { minLength: 1, maxLength: 3 }),
  result: fc.array(fc.constantFrom(...pieceKinds), { minLength: 1, maxLength: 2 }),
  named: fc.boolean(), refuses: fc.boolean(), says: fc.boolean(), kept: fc.boolean(), proof: proofs,
});

const richWish = fc.record({
  protocol: fc.constantFrom(...protocols),
  turns: fc.array(richTurn, { minLength: 1, maxLength: 3 }),
  sampling: fc.record({ temperature: fc.constant(0.25), topP: fc.constant(0.75), presencePenalty: fc.constant(0.125), frequencyPenalty: fc.constant(0.375), choiceCount: fc.constant(3), stop: fc.constant(['halt0']) }, { requiredKeys: [] }),
  thinking: fc.option(fc.record({ mode: fc.constantFrom('on' as const, 'off' as const, 'auto' as const), keep: fc.constant('all' as const), effort: fc.constantFrom('high', 'medium'), tokensMax: fc.constant(1033) }, { requiredKeys: [] }), { nil: undefined }),
  format: fc.constantFrom(undefined, 'text' as const, 'json' as const, 'json-schema' as const),
  choice: fc.constantFrom(undefined, 'named' as const, 'allowed' as const, 'required' as const),
  extended: fc.boolean(), strict: fc.boolean(), builtin: fc.boolean(), parallel: fc.boolean(), developer: fc.boolean(), messageTools: fc.boolean(), partial: fc.boolean(),
});

type Wish<T> = T extends fc.Arbitrary<infer W> ? W : never;
type RichTurn = Wish<typeof richTurn>;
type RichWish = Wish<typeof richWish>;

/** Makes tokens and writes down where they stand. */
class FactBook {
  readonly facts: Fact[] = [];
  readonly #protocol: Protocol;
  readonly #extended: boolean;

  constructor({ protocol, extended }: RichWish) {
    this.#protocol = protocol;
    this.#extended = extended;
  }

  /** A new token for something whose loss is declared at `declared`. */
  token(declared: RegExp): string {
    const token = `tok${this.facts.length + 1}x`;
    this.facts.push({ token, declared });
    return token;
  }

  said(token: string, declared: RegExp): void {
    this.facts.push({ token, declared });
  }

  /** A field that only the request's protocol knows, of what stands at `at`. */
  extensions(at: string): { extensions?: Extensions } {
    return this.#extended ? { extensions: { [this.#protocol]: { x_field: this.token(new RegExp(`^${at}(x_field)?$`)) } } } : {};
  }

  parts(first: string, kinds: readonly (typeof pieceKinds)[number][], message: number, kept: boolean): Part[] {
    const more = kinds.map((kind, index): Part => {
      const at = `messages\\.${message}\\.content\\.${index + 1}`;
      const part = piece(kind, this.token(new RegExp(`^(messages\\.${message}|${at}(\\.detail)?)$`)), this.#protocol);
      return part.type === 'opaque' || !kept ? part : { ...part, ...this.extensions(`${at}(\\.|$)`) };
    });
    return [{ type: 'text', text: first }, ...more];
  }
}

function openingOf({ developer, messageTools }: RichWish, book: FactBook): Message[] {
  const content = book.token(/^messages\.0(\.content)?/);
  const opening: Message = { role: 'system', content, ...(developer ? { fromDeveloper: true as const } : {}), ...book.extensions('messages\\.0\\.') };
  if (!messageTools) return [opening];
  return [opening, { role: 'system', content: '', tools: [{ kind: 'function', name: book.token(/^messages\.1\.tools/), parameters: { type: 'object' } }] }];
}

/** The turn that begins with message `index`. */
function turnOf({ user, result, named, refuses, says, kept, proof }: RichTurn, index: number, book: FactBook): Message[] {
  const of = (message: number, field: string): RegExp => new RegExp(`^messages\\.${message}\\.${field}`);
  const asked: Message = { role: 'user', content: book.parts('go', user, index, kept), ...(named ? { name: book.token(of(index, 'name$')) } : {}) };
  const answered: Message = {
    role: 'assistant',
    ...(says ? { content: book.token(of(index + 1, 'content')) } : {}),
    thinking: book.token(of(index + 1, '(thinking|reasoning|reasoning_content)$')),
    ...(proof === undefined ? {} : { thinkingProof: proof }),
    ...(refuses ? { refusal: book.token(of(index + 1, 'refusal')) } : {}),
    toolCalls: [{ id: `call${index}`, kind: 'function', name: 'look', argumentsText: JSON.stringify({ at: book.token(of(index + 1, 'tool_calls')) }), ...book.extensions(`messages\\.${index + 1}\\.tool_calls\\.0\\.`) }],
    ...book.extensions(`messages\\.${index + 1}\\.`),
  };
  const found: Message = { role: 'tool', toolCallId: `call${index}`, content: book.parts('so', result, index + 2, kept), ...book.extensions(`messages\\.${index + 2}\\.`) };
  return [asked, answered, found];
}

const samplingFields = { temperature: /^temperature$/, topP: /^top_p$/, presencePenalty: /^presence_penalty$/, frequencyPenalty: /^frequency_penalty$/, choiceCount: /^n$/, stop: /^stop$/ };
const thinkingFields = { mode: /^(thinking|thinking\.type|reasoning)$/, keep: /^thinking\.keep$/, effort: /effort$|^thinking$/, tokensMax: /budget_tokens$|max_tokens$|^thinking$/ };
const formatFields = /^response_format|^text\.format/;

/** What is said of how to answer; found again as its neutral field. */
function settingsOf({ sampling, thinking, format, choice, strict, builtin, parallel }: RichWish, book: FactBook): Partial<DialogueRequest> {
  const each = (values: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, RegExp>>): void => {
    for (const [field, declared] of Object.entries(fields)) if (values[field] !== undefined) book.said(`"${field}":${JSON.stringify(values[field])}`, declared);
  };
  each(sampling, samplingFields);
  each(thinking ?? {}, thinkingFields);
  if (format !== undefined && format !== 'text') book.said(`"type":"${format}"`, formatFields);
  if (strict) book.said('"strict":true', /^tools\.0\.strict$|^response_format|^text\.format/);
  if (choice !== undefined) book.said(choice === 'required' ? '"toolChoice":{"type":"required"' : '"toolChoice":{', /^tool_choice$/);
  if (parallel) book.said('"parallelToolCalls":false', /^parallel_tool_calls$/);
  const look: FunctionTool = {
    kind: 'function', name: 'look', description: book.token(/^tools\.0/), parameters: { type: 'object', properties: { [book.token(/^tools\.0/)]: {} } },
    ...(strict ? { strict: true } : {}), ...book.extensions('tools\\.0\\.'),
  };
  // Of tools that may not be called, nobody need be told.
  const hosted = builtin && (choice === undefined || choice === 'required') ? [{ kind: 'builtin' as const, name: book.token(/^tools\.2$/) }] : [];
  const schema = (): JsonObject => ({ type: 'object', properties: { [book.token(formatFields)]: {} } });
  return {
    sampling,
    tools: [look, { kind: 'function', name: 'rest', parameters: { type: 'object' } }, ...hosted],
    ...(parallel ? { parallelToolCalls: false } : {}),
    ...(choice === undefined ? {} : { toolChoice: choice === 'named' ? { type: choice, name: 'look' } : choice === 'allowed' ? { type: choice, mode: 'auto', names: ['look', 'rest'] } : { type: choice } }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(format === undefined ? {} : { outputFormat: format === 'json-schema' ? { type: format, name: 'output', schema: schema() } : { type: format } }),
  };
}

/** Requests of one protocol that say whatever it can say, also what others cannot, each thing by a token of its own. */
export const richRequests: fc.Arbitrary<RichRequest> = richWish.map((wish) => {
  const book = new FactBook(wish);
  const messages = openingOf(wish, book);
  for (const turn of wish.turns) messages.push(...turnOf(turn, messages.length, book));
  if (wish.partial) {
    book.said('"partial":true', new RegExp(`^messages\\.${messages.length}\\.partial$`));
    messages.push({ role: 'assistant', content: book.token(/^never$/), partial: true });
  }
  const request: DialogueRequest = exact({
    protocol: wish.protocol, model: 'm', messages, sampling: {}, stream: false, outputTokensMax: 5000, cacheKey: 'session', ...settingsOf(wish, book), ...book.extensions(''),
  });
  return { request, facts: book.facts };
});
