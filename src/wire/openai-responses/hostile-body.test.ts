import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonValue } from '../../base/json.ts';
import { encodeResponsesError } from './error-encode.ts';
import { decodeHistory } from './history-decode.ts';
import { normaliseInput } from './input-items.ts';
import { responsesRequestOf } from './request-decode.ts';
import { encodeResponsesRequest } from './request-encode.ts';
import { settingsOf } from './response-settings.ts';
import type { ResponsesDialect } from './responses-dialect.ts';
import { parseResponsesBody } from './responses-request-schema.ts';
import { sampleIds, sampleSeals } from './sample-style.ts';

/** A body with some of everything, to be spoiled. */
const body: JsonValue = {
  model: 'm', instructions: 'i', metadata: { a: 'b' }, include: ['reasoning.encrypted_content'], conversation: { id: 'c' }, max_output_tokens: 1, reasoning: { effort: 'low' }, caching: { type: 'disabled' },
  text: { format: { type: 'json_schema', name: 'n', schema: {} } }, tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'f' }] },
  tools: [{ type: 'function', name: 'f', parameters: {} }, { type: 'custom', name: 'g', format: { type: 'grammar', definition: 'd' } }, { type: 'namespace', name: 'n', tools: [{ type: 'function', name: 'h' }] }, { type: 'shell' }],
  input: [
    { role: 'user', content: [{ type: 'input_text', text: 't' }, { type: 'input_image', image_url: 'u' }, { type: 'input_file', file_data: 'data:text/plain,%41' }] },
    { type: 'reasoning', summary: [{ text: 's' }], content: [{ type: 'reasoning_text', text: 'r' }] }, { role: 'assistant', content: [{ type: 'output_text', text: 'o' }, { type: 'refusal', refusal: 'no' }] },
    { type: 'function_call', call_id: '1', name: 'f', arguments: '{}' }, { type: 'function_call_output', call_id: '1', output: [{ type: 'input_text', text: 't' }] },
    { type: 'shell_call', call_id: '2', action: { commands: ['ls'] } }, { type: 'shell_call_output', call_id: '2', output: [{ stdout: 'x' }] },
    { type: 'apply_patch_call', call_id: '3', operation: { type: 'delete_file', path: 'p' } }, { type: 'apply_patch_call_output', call_id: '3', status: 'completed' },
    { type: 'local_shell_call', call_id: '4', action: { command: ['ls'] } }, { type: 'local_shell_call_output', call_id: '4', output: 'x' },
    { type: 'custom_tool_call', call_id: '5', name: 'g', input: 'x' }, { type: 'custom_tool_call_output', call_id: '5', output: 'x' },
    { type: 'web_search_call', action: {} }, { type: 'mcp_approval_response', approve: true },
  ],
};

/** `value` with what stands at the `pick`th place of it replaced, counted in order. */
function spoiled(value: JsonValue, pick: { left: number }, by: JsonValue): JsonValue {
  if (pick.left === 0) {
    pick.left -= 1;
    return by;
  }
  pick.left -= 1;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((each) => spoiled(each, pick, by));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, spoiled(each, pick, by)]));
}

describe('a body that is spoiled somewhere', () => {
  it.each(['openai', 'ark'] as const)('is read before it is spoiled (%s)', (vendor) => {
    const parsed = parseResponsesBody(body, vendor);
    expect(responsesRequestOf(parsed, [], normaliseInput(parsed, sampleIds()), { seals: sampleSeals }).messages).toHaveLength(14);
  });

  it('is read, or refused with a fault of the caller that tells where', () => {
    let refusals = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 170 }), fc.oneof(fc.constantFrom<JsonValue>(null, 1.5, '', 'x', [], {}, true, [null], { type: 7 }), fc.jsonValue({ maxDepth: 1 })), fc.constantFrom('openai', 'ark'), (at, by, vendor) => {
        const hostile = spoiled(body, { left: at }, JSON.parse(JSON.stringify(by)) as JsonValue);
        try {
          const parsed = parseResponsesBody(hostile, vendor);
          settingsOf(parsed);
          responsesRequestOf(parsed, [], normaliseInput(parsed, sampleIds()), { seals: sampleSeals });
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          refusals += 1;
          expect(error.blame).toBe('caller');
          const { error: told } = encodeResponsesError(error).body;
          expect(Object.keys(isJsonObject(told) ? told : {}).sort()).toEqual(['code', 'message', 'param', 'type']);
          // Whatever was wrong, save the body as a whole.
          if (at > 0) expect(error.field).toBeDefined();
        }
      }),
      { numRuns: 600 },
    );
    expect(refusals).toBeGreaterThan(100);
  });
});

describe('a body that is large', () => {
  /** Each takes some ten milliseconds; where the time grew with the square of the number, it took several seconds. */
  const patienceMs = 1_500;
  const dialect: ResponsesDialect = {
    thinkingSwitch: 'effort-only', contextCache: false, encryptedReasoning: true, strictTools: true, otherTools: true, developerRole: true, documents: true, temperatureMax: 2,
    fixedSampling: true, moonshotRules: false, missingFields: new Set(),
  };
  const timeOf = (act: () => void): number => {
    const startMs = performance.now();
    act();
    return performance.now() - startMs;
  };

  it('of calls that were all cut off is read in a moment', () => {
    const cut = Array.from({ length: 30_000 }, (_, index) => ({ type: 'function_call', call_id: `call_${index}`, name: 'f', arguments: '{', status: 'incomplete' }));
    expect(timeOf(() => decodeHistory(cut, 0, sampleSeals))).toBeLessThan(patienceMs);
    expect(decodeHistory(cut, 0, sampleSeals)).toEqual([]);
  });

  it('of parts of one message is read and written whole', () => {
    const content = Array.from({ length: 200_000 }, () => ({ type: 'output_text', text: 'x', annotations: [] }));
    const parsed = parseResponsesBody({ model: 'm', input: [{ role: 'user', content: 'go' }, { role: 'assistant', content }] }, 'openai');
    const request = responsesRequestOf(parsed, [], normaliseInput(parsed, sampleIds()), { seals: sampleSeals });
    const { body } = encodeResponsesRequest(request, { model: 'm', upstreamId: 'u', dialect });
    expect(JSON.stringify(body).match(/"output_text"/g)).toHaveLength(200_000);
  });

  it('of tools is written in a moment', () => {
    const parsed = parseResponsesBody({ model: 'm', input: 'x', tools: Array.from({ length: 150_000 }, (_, index) => ({ type: 'function', name: `f${index}` })) }, 'openai');
    const request = responsesRequestOf(parsed, [], normaliseInput(parsed, sampleIds()), { seals: sampleSeals });
    expect(timeOf(() => encodeResponsesRequest(request, { model: 'm', upstreamId: 'u', dialect }))).toBeLessThan(patienceMs);
  });
});
