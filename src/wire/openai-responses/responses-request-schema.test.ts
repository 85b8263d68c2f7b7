import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { normaliseInput } from './input-items.ts';
import { responsesRequestOf } from './request-decode.ts';
import { parseResponsesBody } from './responses-request-schema.ts';
import type { ResponsesVendor } from './responses-fault.ts';
import { sampleIds, sampleSeals } from './sample-style.ts';

/** The fault of a body that is refused: field and message. */
function refusal(body: object, vendor: ResponsesVendor = 'openai'): { field: string | undefined; message: string } {
  try {
    parseResponsesBody({ model: 'm', input: 'hi', ...body }, vendor);
  } catch (error) {
    if (error instanceof Fault && error.code === 'invalid_request') return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error('not refused');
}

describe('parseResponsesBody', () => {
  it('gives what a surface acts on a name, with the defaults', () => {
    expect(parseResponsesBody({ model: 'm', input: 'hi', previous_response_id: null, metadata: null, store: null }, 'openai')).toMatchObject({
      vendor: 'openai', model: 'm', input: 'hi', store: true, background: false, stream: false, obfuscated: false, metadata: {}, truncation: 'disabled',
    });
    const body = parseResponsesBody(
      {
        model: 'm', input: [], conversation: { id: 'conv_1' }, store: false, background: true, stream: true, stream_options: { include_obfuscation: true },
        include: ['reasoning.encrypted_content'], metadata: { a: 'b' }, truncation: 'auto', max_output_tokens: 5, max_tool_calls: 2,
      },
      'openai',
    );
    expect(body).toMatchObject({
      conversationId: 'conv_1', store: false, background: true, stream: true, obfuscated: true, metadata: { a: 'b' }, truncation: 'auto', outputTokensMax: 5, toolCallsMax: 2,
    });
    expect([...body.include]).toEqual(['reasoning.encrypted_content']);
    expect(body).not.toHaveProperty('previousResponseId');
  });

  it.each([
    [{ model: undefined }, 'model', "Missing required parameter: 'model'."],
    [{ input: undefined }, 'input', "One of 'input', 'previous_response_id' or 'conversation' must be provided."],
    [{ input: [] }, 'input', "One of 'input', 'previous_response_id' or 'conversation' must be provided."],
    [{ input: 7 }, 'input', "Invalid type for 'input': expected one of a string or array of input items."],
    [{ temperature: 'hot' }, 'temperature', "Invalid type for 'temperature': expected a decimal, but got a string instead."],
    [{ temperature: 2.5 }, 'temperature', "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead."],
    [{ max_output_tokens: 0 }, 'max_output_tokens', "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead."],
    [{ max_output_tokens: 1.5 }, 'max_output_tokens', "Invalid type for 'max_output_tokens': expected an integer, but got a decimal instead."],
    [{ truncation: 'middle' }, 'truncation', "Invalid value: 'middle'. Supported values are: 'auto' and 'disabled'."],
    [{ tool_choice: 'maybe' }, 'tool_choice', "Invalid type for 'tool_choice': expected one of 'none', 'auto', 'required' or an object that names a tool, but got a string instead."],
    [{ text: { format: { type: 'yaml' } } }, 'text.format.type', "Invalid value: 'yaml'. Supported values are: 'text', 'json_object', and 'json_schema'."],
    [{ text: { format: { type: 'json_schema', schema: {} } } }, 'text.format.name', "Missing required parameter: 'text.format.name'."],
    [{ tools: [{ name: 'f' }] }, 'tools.0.type', "Missing required parameter: 'tools[0].type'."],
    [{ metadata: { a: 'b'.repeat(513) } }, 'metadata.a', "Invalid 'metadata.a': string too long. Expected a string with maximum length 512, but got a string with length 513 instead."],
    [{ metadata: { ['k'.repeat(65)]: 'b' } }, 'metadata', "Invalid 'metadata': key too long. Expected keys with maximum length 64, but got a key with length 65 instead."],
    [{ previous_response_id: 'resp_1', conversation: 'conv_1' }, 'previous_response_id', "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Send only one of them."],
    [{ prompt: { id: 'pmpt_1' } }, 'prompt.id', 'Prompt templates are not kept here: send the text of the prompt as instructions and input.'],
    [{ input: [{ type: 'telepathy' }] }, 'input.0.type', expect.stringMatching(/^Invalid value: 'telepathy'\. Supported values are: 'message', 'reasoning', .* and 'program_output'\.$/)],
    [{ input: [{ content: 'x' }] }, 'input.0.type', "Missing required parameter: 'input[0].type'."],
    [{ input: ['x'] }, 'input.0', "Invalid type for 'input[0]': expected an object."],
    [{ input: [{ role: 'user', content: 'x' }, { role: 'robot', content: 'x' }] }, 'input.1.role', "Invalid value: 'robot'. Supported values are: 'user', 'assistant', 'system', and 'developer'."],
    [{ input: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] }, 'input.0.content.0.type', expect.stringContaining("Invalid value: 'text'. Supported values are: 'input_text', ")],
    [{ input: [{ role: 'user', content: [{ type: 'input_text' }] }] }, 'input.0.content.0.text', "Missing required parameter: 'input[0].content[0].text'."],
    [{ input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: 4 }] }] }, 'input.0.output.0.text', "Invalid type for 'input[0].output[0].text': expected a string, but got an integer instead."],
    [{ input: [{ type: 'function_call', call_id: '', name: 'f', arguments: '' }] }, 'input.0.call_id', "Invalid 'input[0].call_id': string too short. Expected a string with minimum length 1, but got a string with length 0 instead."],
  ])('refuses %j', (body, field, message) => {
    expect(refusal(body)).toEqual({ field, message });
  });

  it('refuses more than 16 pairs of metadata', () => {
    const metadata = Object.fromEntries(Array.from({ length: 17 }, (_each, index) => [`k${index}`, 'v']));
    expect(refusal({ metadata }).message).toContain('at most 16 properties, but got an object with 17');
  });

  it('takes only what each vendor can include', () => {
    expect(refusal({ include: ['message.input_audio.audio_url'] })).toMatchObject({ field: 'include.0' });
    expect(refusal({ include: ['web_search_call.results'] }, 'ark')).toMatchObject({ field: 'include.0' });
    expect([...parseResponsesBody({ model: 'm', input: 'x', include: ['message.input_audio.audio_url'] }, 'ark').include]).toEqual(['message.input_audio.audio_url']);
  });

  it("holds Ark's callers to what may stand beside caching", () => {
    const caching = { type: 'enabled', prefix: true };
    expect(parseResponsesBody({ model: 'm', input: 'x', caching, expire_at: 99 }, 'ark')).toMatchObject({ caching: { enabled: true, prefix: true }, expireAtS: 99 });
    expect(refusal({ caching, instructions: 'be' }, 'ark').field).toBe('instructions');
    expect(refusal({ caching, max_output_tokens: 5 }, 'ark').field).toBe('max_output_tokens');
    expect(refusal({ caching: { type: 'disabled', prefix: true } }, 'ark').field).toBe('caching.prefix');
    expect(refusal({ caching: { type: 'on' } }, 'ark').field).toBe('caching.type');
  });

  it('lets items and parts with a vendor prefix through', () => {
    const input = [{ type: 'acme:search', query: 'x' }, { role: 'user', content: [{ type: 'acme:map' }] }];
    expect(parseResponsesBody({ model: 'm', input }, 'openai').input).toEqual(input);
  });

  it('reads 10,000 items in a moment, and takes no more', () => {
    const input = Array.from({ length: 10_000 }, (_each, index) => (index % 3 === 0 ? { role: 'user', content: 'x' } : { role: 'user', content: [{ type: 'input_text', text: 'x' }] }));
    const begun = performance.now();
    const body = parseResponsesBody({ model: 'm', input }, 'openai');
    const { messages } = responsesRequestOf(body, [], normaliseInput(body, sampleIds()), { seals: sampleSeals });
    expect(messages).toHaveLength(10_000);
    // An upper bound for a loaded machine; what it guards against is a cost that grows with the square.
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(refusal({ input: [...input, input[0]] })).toMatchObject({ field: 'input', message: expect.stringContaining('maximum length 10000, but got an array with length 10001') });
  });
});
