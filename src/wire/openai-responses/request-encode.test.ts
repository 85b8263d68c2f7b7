import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../dialogue/message.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { normaliseInput } from './input-items.ts';
import { responsesRequestOf } from './request-decode.ts';
import { encodeResponsesRequest, type ResponsesRequestTarget } from './request-encode.ts';
import type { ResponsesDialect } from './responses-dialect.ts';
import { parseResponsesBody } from './responses-request-schema.ts';
import { sampleIds, sampleSeals } from './sample-style.ts';

const openai: ResponsesDialect = {
  thinkingSwitch: 'effort-only', contextCache: false, encryptedReasoning: true, strictTools: true, otherTools: true, developerRole: true,
  documents: true, temperatureMax: 2, fixedSampling: true, moonshotRules: false, missingFields: new Set(),
};
const ark: ResponsesDialect = {
  ...openai, thinkingSwitch: 'thinking-object', contextCache: true, encryptedReasoning: false, strictTools: false, otherTools: false, developerRole: false,
  documents: false, fixedSampling: false, missingFields: new Set(['reasoning', 'user']),
};

const hi: Message = { role: 'user', content: 'hi' };

function sent(request: Partial<DialogueRequest>, target: Partial<ResponsesRequestTarget> = {}) {
  const full: DialogueRequest = { protocol: 'openai-chat', model: 'x', messages: [hi], sampling: {}, stream: false, ...request };
  const { body, losses, heldMessageCount, keepsContext } = encodeResponsesRequest(full, { model: 'm', dialect: openai, upstreamId: 'here', ...target });
  return { body, lost: losses.map(({ field }) => field), heldMessageCount, keepsContext };
}

describe('what is sent', () => {
  it('declares what another protocol says of a call, and what was said of a message that is not sent', () => {
    const extensions = { 'anthropic-messages': { caller: { type: 'direct' } }, 'openai-responses': { phase: 'commentary' } };
    const made = { id: 'c', kind: 'function', name: 'f', argumentsText: '{}', extensions } as const;
    const messages: Message[] = [{ role: 'assistant', content: '', toolCalls: [made], extensions: { 'openai-responses': { phase: 'commentary' } } }, { role: 'tool', toolCallId: 'c', content: 'r' }];
    const { body, lost } = sent({ messages });
    expect(lost).toEqual(['messages.0.phase', 'messages.0.tool_calls.0.caller']);
    expect(body['input']).toMatchObject([{ type: 'function_call', phase: 'commentary' }, { type: 'function_call_output' }]);
  });

  it('is a response that is not stored, with its reasoning encrypted', () => {
    expect(sent({ stream: true }).body).toEqual({
      model: 'm', input: [{ type: 'message', role: 'user', content: 'hi' }], store: false, include: ['reasoning.encrypted_content'], stream: true,
    });
  });

  it('asks a model that never thinks for no reasoning', () => {
    expect(sent({}, { thinkingRule: { kind: 'never', default: 'off', keep: false } }).body).not.toHaveProperty('include');
  });

  it('is one item for each thing that was said, thought, called and found', () => {
    const messages: Message[] = [
      { role: 'system', content: 'Be brief.', fromDeveloper: true },
      { role: 'user', content: [{ type: 'text', text: 'Look' }, { type: 'image', url: 'data:image/png;base64,AA' }, { type: 'file', url: 'data:application/pdf;base64,AA', filename: 'a.pdf' }, { type: 'file', url: 'https://h/b.pdf' }] },
      { role: 'assistant', content: 'I look.', thinking: 'Hm', toolCalls: [{ id: 'c1', kind: 'function', name: 'look', argumentsText: '{"n":12345678901234567890}' }] },
      { role: 'tool', toolCallId: 'c1', name: 'look', content: [{ type: 'text', text: 'a cat' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'No' }], refusal: 'never' },
    ];
    const { body, lost } = sent({ messages });
    expect(lost).toEqual([]);
    expect(body['input']).toEqual([
      { type: 'message', role: 'developer', content: 'Be brief.' },
      {
        type: 'message', role: 'user', content: [
          { type: 'input_text', text: 'Look' }, { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'auto' },
          { type: 'input_file', file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' }, { type: 'input_file', file_url: 'https://h/b.pdf' },
        ],
      },
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }] },
      { type: 'message', role: 'assistant', content: 'I look.' },
      { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"n":12345678901234567890}' },
      { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'a cat' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'No' }, { type: 'refusal', refusal: 'never' }] },
    ]);
    expect(sent({ messages }, { dialect: ark }).body['input']).toContainEqual({ type: 'message', role: 'system', content: 'Be brief.' });
  });

  it('sends what a document says where documents are not read', () => {
    const messages: Message[] = [{ role: 'user', content: [{ type: 'file', url: 'data:application/pdf;base64,AA', filename: 'a.pdf', text: 'says' }] }];
    expect(sent({ messages }).body['input']).toMatchObject([{ content: [{ type: 'input_file', filename: 'a.pdf' }] }]);
    expect(sent({ messages }, { dialect: ark })).toMatchObject({ body: { input: [{ content: [{ type: 'input_text', text: 'a.pdf:\nsays' }] }] }, lost: [] });
  });

  it('declares what a document had beside its text, where only the text is sent', () => {
    const extensions = { 'openai-responses': { detail: 'low' }, 'anthropic-messages': { citations: { enabled: true } } };
    const messages: Message[] = [{ role: 'user', content: [{ type: 'file', url: 'data:application/pdf;base64,AA', text: 'says', extensions }] }];
    const { body, lost } = sent({ messages }, { dialect: ark });
    expect(body['input']).toMatchObject([{ content: [{ type: 'input_text', text: 'says' }] }]);
    expect(lost.toSorted()).toEqual(['messages.0.content.0.citations', 'messages.0.content.0.detail']);
    expect(sent({ messages }).lost).toEqual(['messages.0.content.0.citations']);
  });

  it('gives an upstream its own proofs of thinking back, item by item, and no other its', () => {
    const turn = (upstreamId: string, protocol: 'openai-responses' | 'anthropic-messages' = 'openai-responses'): Message[] => [
      { role: 'assistant', content: 'Yes', thinking: 'Hm', thinkingProof: { protocol, upstreamId, value: 'AAA=\nBBB=' } }, hi,
    ];
    const [first, second] = sent({ messages: turn('here') }).body['input'] as object[];
    expect(first).toEqual({ type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }], encrypted_content: 'AAA=' });
    expect(second).toEqual({ type: 'reasoning', summary: [], encrypted_content: 'BBB=' });
    const plain = { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }] };
    expect((sent({ messages: turn('there') }).body['input'] as object[])[0]).toEqual(plain);
    expect((sent({ messages: turn('here', 'anthropic-messages') }).body['input'] as object[])[0]).toEqual(plain);
    const hidden: Message[] = [{ role: 'assistant', content: 'Yes', thinkingProof: { protocol: 'openai-responses', upstreamId: 'there', value: 'AAA=', hidden: true } }, hi];
    expect(sent({ messages: hidden })).toMatchObject({ body: { input: [{ role: 'assistant' }, { role: 'user' }] }, lost: ['messages.0.reasoning'] });
    expect(sent({ messages: hidden }, { upstreamId: 'there' }).lost).toEqual([]);
  });

  it('has functions and formats flat', () => {
    const { body, lost } = sent({
      tools: [{ kind: 'function', name: 'look', description: 'Looks.', strict: true }],
      toolChoice: { type: 'named', name: 'look' }, parallelToolCalls: false, cacheKey: 'k',
      outputFormat: { type: 'json-schema', name: 's', schema: { type: 'object' }, strict: true },
    });
    expect(lost).toEqual([]);
    expect(body).toMatchObject({
      tools: [{ type: 'function', name: 'look', description: 'Looks.', parameters: { type: 'object', properties: {} }, strict: true }],
      tool_choice: { type: 'function', name: 'look' }, parallel_tool_calls: false, prompt_cache_key: 'k',
      text: { format: { type: 'json_schema', name: 's', schema: { type: 'object' }, strict: true } },
    });
  });

  it('lowers the limit on output to what the offer generates, and sends its default', () => {
    expect(sent({ outputTokensMax: 9 }, { outputTokensMax: 5 })).toMatchObject({ body: { max_output_tokens: 5 }, lost: ['max_output_tokens'] });
    expect(sent({}, { outputTokensMax: 5, outputTokensDefault: 9 })).toMatchObject({ body: { max_output_tokens: 5 }, lost: [] });
    expect(sent({}).body).not.toHaveProperty('max_output_tokens');
  });

  it.each([
    [{ mode: 'on' }, { thinking: { type: 'enabled' } }, {}, ['thinking.type']],
    [{ mode: 'off' }, { thinking: { type: 'disabled' } }, { reasoning: { effort: 'none' } }, []],
    [{ mode: 'auto' }, { thinking: { type: 'auto' } }, {}, ['thinking.type']],
    [{ effort: 'high' }, { reasoning: { effort: 'high' } }, { reasoning: { effort: 'high' } }, []],
  ] as const)('says of thinking %j at Ark %j and elsewhere %j', (thinking, atArk, elsewhere, lost) => {
    const pick = ({ body }: ReturnType<typeof sent>) => Object.fromEntries(Object.entries(body).filter(([key]) => key === 'thinking' || key === 'reasoning'));
    expect(pick(sent({ thinking }, { dialect: ark }))).toEqual(atArk);
    expect(pick(sent({ thinking }))).toEqual(elsewhere);
    expect(sent({ thinking }).lost).toEqual(lost);
  });
});

describe('what cannot be said is declared', () => {
  it.each([
    [{ sampling: { presencePenalty: 1, frequencyPenalty: 1, choiceCount: 2, stop: ['x'] } }, ['presence_penalty', 'frequency_penalty', 'n', 'stop']],
    [{ sampling: { presencePenalty: 0, choiceCount: 1 } }, []],
    [{ messages: [{ role: 'user', name: 'Ann', content: [{ type: 'video', url: 'ms://v' }] }] }, ['messages.0.name', 'messages.0.content.0']],
    [{ messages: [{ role: 'assistant', content: [{ type: 'image', url: 'ms://v' }], partial: true }] }, ['messages.0.partial', 'messages.0.content.0']],
    [{ messages: [{ role: 'system', tools: [{ kind: 'function', name: 'f' }] }, hi] }, ['messages.0.tools']],
    [{ tools: [{ kind: 'builtin', name: '$web_search' }], toolChoice: { type: 'required' } }, ['tools.0', 'tool_choice']],
    [{ tools: [{ kind: 'function', name: 'f' }], toolChoice: { type: 'named', name: 'g' } }, ['tool_choice']],
    [{ extensions: { 'openai-chat': { logit_bias: {} } } }, ['logit_bias']],
    [{ thinking: { tokensMax: 9, keep: 'all' } }, ['reasoning.max_tokens', 'thinking.keep']],
  ] as readonly (readonly [Partial<DialogueRequest>, readonly string[]])[])('of %j', (request, lost) => {
    expect(sent(request).lost).toEqual(lost);
  });

  it('by the rules of the model at its vendor', () => {
    const samplingRule = { fixed: { temperatureThinking: 1, temperaturePlain: 0.6, topP: 0.95 } };
    expect(sent({ sampling: { temperature: 0.5, topP: 0.95 } }, { samplingRule })).toMatchObject({ body: { top_p: 0.95 }, lost: ['temperature'] });
    expect(sent({ sampling: { temperature: 0.5 } }, { samplingRule, dialect: ark })).toMatchObject({ body: { temperature: 0.5 }, lost: [] });
    const toolChoiceRule = { required: 'refused', named: 'ignored' } as const;
    const asked: Partial<DialogueRequest> = { tools: [{ kind: 'function', name: 'f', parameters: { $schema: 's', format: 'x', type: 'object' } }], toolChoice: { type: 'required' } };
    expect(sent(asked, { toolChoiceRule, dialect: { ...openai, moonshotRules: true } })).toMatchObject({
      body: { tool_choice: 'auto', tools: [{ parameters: { type: 'object' } }] }, lost: ['tools.0.parameters', 'tool_choice'],
    });
    expect(sent(asked, { toolChoiceRule }).body['tool_choice']).toBe('required');
    const byName: Partial<DialogueRequest> = { tools: [{ kind: 'function', name: 'f' }], toolChoice: { type: 'named', name: 'f' } };
    const ignoresNames = { toolChoiceRule: { required: 'taken', named: 'ignored' }, dialect: { ...openai, moonshotRules: true } } as const;
    expect(sent(byName, ignoresNames), 'the only tool is the named one').toMatchObject({ body: { tool_choice: 'required' }, lost: [] });
    expect(sent({ ...byName, tools: [...byName.tools ?? [], { kind: 'function', name: 'g' }] }, ignoresNames).lost).toEqual(['tool_choice']);
  });
});

describe('what is of this protocol alone', () => {
  const extensions = { 'openai-responses': { service_tier: 'flex', text: { verbosity: 'low' }, reasoning: { mode: 'x' }, user: 'u' } };
  const web = { type: 'web_search' };
  const tools: DialogueRequest['tools'] = [{ kind: 'opaque', protocol: 'openai-responses', value: web }, { kind: 'function', name: 'f', strict: true }, { kind: 'function', name: 'g' }];

  it('is replayed', () => {
    const { body, lost } = sent({ extensions, tools, outputFormat: { type: 'text' }, toolChoice: { type: 'allowed', mode: 'required', names: ['f'] } });
    expect(lost).toEqual([]);
    expect(body).toMatchObject({
      service_tier: 'flex', text: { format: { type: 'text' }, verbosity: 'low' }, reasoning: { mode: 'x' }, user: 'u',
      tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] },
    });
    expect((body['tools'] as object[])[0]).toBe(web);
  });

  it('is no content when it is what another place has run, and declared', () => {
    const opaque = (type: string) => ({ type: 'opaque', protocol: 'openai-responses', value: { type } }) as const;
    const { body, lost } = sent({ messages: [{ role: 'user', content: [opaque('input_audio'), opaque('web_search_call'), opaque('computer_call_output')] }] });
    expect(body['input']).toEqual([{ type: 'message', role: 'user', content: [{ type: 'input_audio' }] }]);
    expect(lost).toEqual(['messages.0.content.1', 'messages.0.content.2']);
  });

  it('is left out and declared where it is not known', () => {
    const { body, lost } = sent({ extensions, tools }, { dialect: ark });
    expect(lost.toSorted()).toEqual(['reasoning', 'tools.0', 'tools.1.strict', 'user']);
    expect(body).toMatchObject({ service_tier: 'flex', tools: [{ name: 'f' }, { name: 'g' }] });
    expect(body).not.toHaveProperty('reasoning');
  });

  it('is one allowed tool the only tool where there is no such choice', () => {
    const { body } = sent({ tools, toolChoice: { type: 'allowed', mode: 'auto', names: ['g'] } }, { dialect: ark });
    expect(body).toMatchObject({ tools: [{ name: 'g' }], tool_choice: 'auto' });
  });
});

describe('a held context', () => {
  const messages: Message[] = [{ role: 'system', content: 's' }, hi, { role: 'assistant', content: 'a' }, { role: 'user', content: 'on' }];
  const held = [
    { upstreamId: 'there', handle: 'resp_t', messageCount: 3 }, { upstreamId: 'here', handle: 'resp_all', messageCount: 4 },
    { upstreamId: 'here', handle: 'resp_new', messageCount: 3 }, { upstreamId: 'here', handle: 'resp_old', messageCount: 1 },
  ];

  it('is gone on from: the newest of this upstream that leaves something to say', () => {
    expect(sent({ messages, contextCache: { held } }, { dialect: ark })).toEqual({
      body: { model: 'm', input: [{ type: 'message', role: 'user', content: 'on' }], previous_response_id: 'resp_new', store: false }, lost: [], heldMessageCount: 3,
    });
  });

  it('is kept until when it is to be kept', () => {
    const { body, heldMessageCount, keepsContext } = sent({ messages, contextCache: { held: [], keepUntilS: 99 } }, { dialect: ark });
    expect(keepsContext).toBe(true);
    expect(body).toMatchObject({ caching: { type: 'enabled' }, store: true, expire_at: 99 });
    expect(body['input']).toHaveLength(4);
    expect(heldMessageCount).toBeUndefined();
    expect(sent({ messages, contextCache: { held, keepUntilS: 99 } }, { dialect: ark }).body).toMatchObject({ previous_response_id: 'resp_new', caching: { type: 'enabled' } });
  });

  it('can be made of a prompt that is not answered', () => {
    const { body } = sent({ messages, contextCache: { held: [], keepUntilS: 99, prefixOnly: true }, outputTokensMax: 7 }, { dialect: ark });
    expect(body).toMatchObject({ caching: { type: 'enabled', prefix: true }, store: true });
    expect(body).not.toHaveProperty('max_output_tokens');
  });

  it('names places of losses by the whole conversation', () => {
    const named: Message[] = [...messages.slice(0, 3), { role: 'user', name: 'Ann', content: 'on' }];
    expect(sent({ messages: named, contextCache: { held } }, { dialect: ark }).lost).toEqual(['messages.3.name']);
  });

  it('is nothing to whom does not hold any', () => {
    const { body, heldMessageCount, keepsContext } = sent({ messages, contextCache: { held, keepUntilS: 99 } });
    expect(body).toMatchObject({ store: false });
    expect(body['input']).toHaveLength(4);
    expect([body['caching'], body['previous_response_id'], heldMessageCount, keepsContext]).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('laws', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
  const user = fc.oneof(
    text.map((content): Message => ({ role: 'user', content })),
    fc.tuple(text, text).map(([said, url]): Message => ({ role: 'user', content: [{ type: 'text', text: said }, { type: 'image', url: `data:image/png;base64,${btoa(encodeURIComponent(url))}`, detail: 'low' }] })),
  );
  const turn = fc.record({ thinking: text, content: text, refusal: text, calls: fc.array(text, { minLength: 1, maxLength: 3 }) }, { requiredKeys: [] }).map(({ calls = [], ...said }): Message[] => {
    const toolCalls = calls.map((argumentsText, index) => ({ id: `c_${index}`, kind: 'function', name: 'f', argumentsText }) as const);
    if (toolCalls.length === 0 && said.content === undefined) return [];
    // A message item that only refuses has content, which is nothing.
    const nothing = said.refusal !== undefined && said.content === undefined ? { content: null } : {};
    return [{ role: 'assistant', ...said, ...nothing, ...(toolCalls.length === 0 ? {} : { toolCalls }) }, ...toolCalls.map(({ id }): Message => ({ role: 'tool', toolCallId: id, content: 'r' }))];
  });
  const conversations = fc.array(fc.tuple(user, turn), { minLength: 1, maxLength: 4 }).map((pairs): Message[] => [{ role: 'system', content: 's' }, ...pairs.flatMap(([asked, answered]) => [asked, ...answered]), { role: 'user', content: 'on' }]);
  const rest = fc.record({
    tools: fc.constant([{ kind: 'function', name: 'f', description: 'd', parameters: { type: 'object' }, strict: true } as const]), parallelToolCalls: fc.boolean(),
    toolChoice: fc.constantFrom({ type: 'auto' } as const, { type: 'none' } as const), outputTokensMax: fc.integer({ min: 16, max: 1e6 }), cacheKey: text,
    sampling: fc.record({ temperature: fc.constantFrom(0, 0.5, 2), topP: fc.constantFrom(0.1, 1) }, { requiredKeys: [] }), thinking: fc.constantFrom({ mode: 'off' } as const, { effort: 'high' } as const),
    outputFormat: fc.constantFrom({ type: 'text' } as const, { type: 'json' } as const, { type: 'json-schema', name: 's', schema: {}, strict: true } as const),
  }, { requiredKeys: ['sampling'] });

  it('our own surface reads what we send as what was asked', () => {
    fc.assert(
      fc.property(conversations, rest, fc.boolean(), (messages, settings, stream) => {
        const asked: DialogueRequest = { protocol: 'openai-responses', model: 'm', messages, ...settings, stream };
        const { body, losses } = encodeResponsesRequest(asked, { model: 'm', dialect: openai, upstreamId: 'here' });
        expect(losses).toEqual([]);
        const read = parseResponsesBody(JSON.parse(JSON.stringify(body)), 'openai');
        expect(responsesRequestOf(read, [], normaliseInput(read, sampleIds()), { seals: sampleSeals })).toEqual(asked);
      }),
      { numRuns: 200 },
    );
  });
});
