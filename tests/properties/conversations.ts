import fc from 'fast-check';
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

const richMessages = fc.array(
  fc.record({
    user: fc.array(fc.constantFrom(...pieceKinds), { minLength: 1, maxLength: 3 }),
    result: fc.array(fc.constantFrom(...pieceKinds), { minLength: 1, maxLength: 2 }),
    named: fc.boolean(), refuses: fc.boolean(), says: fc.boolean(), kept: fc.boolean(), proof: proofs,
  }),
  { minLength: 1, maxLength: 3 },
);

/** Requests of one protocol that say whatever it can say, also what others cannot, each thing by a token of its own. */
export const richRequests: fc.Arbitrary<RichRequest> = fc.record({
  protocol: fc.constantFrom(...protocols),
  messages: richMessages,
  sampling: fc.record({ temperature: fc.constant(0.25), topP: fc.constant(0.75), presencePenalty: fc.constant(0.125), frequencyPenalty: fc.constant(0.375), choiceCount: fc.constant(3), stop: fc.constant(['halt0']) }, { requiredKeys: [] }),
  thinking: fc.option(fc.record({ mode: fc.constantFrom('on' as const, 'off' as const, 'auto' as const), keep: fc.constant('all' as const), effort: fc.constantFrom('high', 'medium'), tokensMax: fc.constant(1033) }, { requiredKeys: [] }), { nil: undefined }),
  format: fc.constantFrom(undefined, 'text' as const, 'json' as const, 'json-schema' as const),
  choice: fc.constantFrom(undefined, 'named' as const, 'allowed' as const, 'required' as const),
  extended: fc.boolean(), strict: fc.boolean(), builtin: fc.boolean(), parallel: fc.boolean(), developer: fc.boolean(), messageTools: fc.boolean(), partial: fc.boolean(),
}).map((wish) => {
  const facts: Fact[] = [];
  let count = 0;
  const fact = (declared: RegExp): string => {
    const token = `tok${(count += 1)}x`;
    facts.push({ token, declared });
    return token;
  };
  const said = (token: string, declared: RegExp): void => void facts.push({ token, declared });
  const { protocol } = wish;
  const extensions = (at: string): { extensions?: Extensions } =>
    wish.extended ? { extensions: { [protocol]: { x_field: fact(new RegExp(`^${at}(x_field)?$`)) } } } : {};
  const messages: Message[] = [{
    role: 'system', content: fact(/^messages\.0(\.content)?/), ...(wish.developer ? { fromDeveloper: true as const } : {}), ...extensions('messages\\.0\\.'),
  }];
  if (wish.messageTools) {
    const index = messages.length;
    messages.push({ role: 'system', content: '', tools: [{ kind: 'function', name: fact(new RegExp(`^messages\\.${index}\\.tools`)), parameters: { type: 'object' } }] });
  }
  for (const [turn, { user, result, named, refuses, says, kept, proof }] of wish.messages.entries()) {
    const part = (kind: (typeof pieceKinds)[number], index: number, at: number): Part => {
      const built = piece(kind, fact(new RegExp(`^messages\\.${index}(\\.content\\.${at}(\\.detail)?)?$`)), protocol);
      return built.type === 'opaque' || !kept ? built : { ...built, ...extensions(`messages\\.${index}\\.content\\.${at}(\\.|$)`) };
    };
    const userIndex = messages.length;
    messages.push({
      role: 'user', content: [{ type: 'text', text: 'go' }, ...user.map((kind, at) => part(kind, userIndex, at + 1))],
      ...(named ? { name: fact(new RegExp(`^messages\\.${userIndex}\\.name$`)) } : {}),
    });
    const index = messages.length;
    const of = (field: string): RegExp => new RegExp(`^messages\\.${index}\\.${field}`);
    messages.push({
      role: 'assistant',
      ...(says ? { content: fact(of('content')) } : {}),
      thinking: fact(of('(thinking|reasoning|reasoning_content)$')),
      ...(proof === undefined ? {} : { thinkingProof: proof }),
      ...(refuses ? { refusal: fact(of('refusal')) } : {}),
      toolCalls: [{ id: `call${turn}`, kind: 'function', name: 'look', argumentsText: JSON.stringify({ at: fact(of('tool_calls')) }), ...extensions(`messages\\.${index}\\.tool_calls\\.0\\.`) }],
      ...extensions(`messages\\.${index}\\.`),
    });
    const resultIndex = messages.length;
    messages.push({ role: 'tool', toolCallId: `call${turn}`, content: [{ type: 'text', text: 'so' }, ...result.map((kind, at) => part(kind, resultIndex, at + 1))], ...extensions(`messages\\.${resultIndex}\\.`) });
  }
  if (wish.partial) {
    messages.push({ role: 'assistant', content: fact(/^never$/), partial: true });
    said('"partial":true', new RegExp(`^messages\\.${messages.length - 1}\\.partial$`));
  }
  const { sampling, thinking, format } = wish;
  for (const [field, declared] of Object.entries({ temperature: /^temperature$/, topP: /^top_p$/, presencePenalty: /^presence_penalty$/, frequencyPenalty: /^frequency_penalty$/, choiceCount: /^n$/, stop: /^stop$/ })) {
    const value = sampling[field as keyof typeof sampling];
    if (value !== undefined) said(`"${field}":${JSON.stringify(value)}`, declared);
  }
  if (thinking?.mode !== undefined) said(`"mode":"${thinking.mode}"`, /^(thinking|thinking\.type|reasoning)$/);
  if (thinking?.keep !== undefined) said('"keep":"all"', /^thinking\.keep$/);
  if (thinking?.effort !== undefined) said(`"effort":"${thinking.effort}"`, /effort$|^thinking$/);
  if (thinking?.tokensMax !== undefined) said('"tokensMax":1033', /budget_tokens$|max_tokens$|^thinking$/);
  if (format !== undefined && format !== 'text') said(`"type":"${format}"`, /^response_format|^text\.format/);
  const tool: FunctionTool = {
    kind: 'function', name: 'look', description: fact(/^tools\.0/), parameters: { type: 'object', properties: { [fact(/^tools\.0/)]: {} } },
    ...(wish.strict ? { strict: true } : {}), ...extensions('tools\\.0\\.'),
  };
  if (wish.strict) said('"strict":true', /^tools\.0\.strict$|^response_format|^text\.format/);
  if (wish.choice !== undefined) said(wish.choice === 'required' ? '"toolChoice":{"type":"required"' : '"toolChoice":{', /^tool_choice$/);
  if (wish.parallel) said('"parallelToolCalls":false', /^parallel_tool_calls$/);
  const request: DialogueRequest = exact({
    protocol, model: 'm', messages, sampling, stream: false, outputTokensMax: 5000, cacheKey: 'session',
    tools: [tool, { kind: 'function', name: 'rest', parameters: { type: 'object' } }, ...(wish.builtin && (wish.choice === undefined || wish.choice === 'required') ? [{ kind: 'builtin' as const, name: fact(/^tools\.2$/) }] : [])],
    ...(wish.parallel ? { parallelToolCalls: false } : {}),
    ...(wish.choice === undefined ? {} : {
      toolChoice: wish.choice === 'named' ? { type: wish.choice, name: 'look' } : wish.choice === 'allowed' ? { type: wish.choice, mode: 'auto' as const, names: ['look', 'rest'] } : { type: wish.choice },
    }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(format === undefined ? {} : { outputFormat: format === 'json-schema' ? { type: format, name: 'output', schema: { type: 'object', properties: { [fact(/^response_format|^text\.format/)]: {} } } } : { type: format } }),
    ...extensions(''),
  });
  return { request, facts };
});
