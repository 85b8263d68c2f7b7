import { isJsonObject } from '../../base/json.ts';
import type { SealedThinking, ThinkingSeals } from '../../dialogue/thinking-seal.ts';
import { parseResponsesBody, type ResponsesBody } from './responses-request-schema.ts';
import { settingsOf } from './response-settings.ts';
import type { ResponsesStyle } from './responses-style.ts';
import { decodeTools } from './tool-decode.ts';

/** For tests: seals that anyone could open, and that refuse what they did not write. */
export const sampleSeals: ThinkingSeals = {
  seal: (thinking, shown) => `seal.${Buffer.from(JSON.stringify({ ...thinking, shown })).toString('base64url')}`,
  open(seal, text) {
    if (!seal.startsWith('seal.')) return undefined;
    const value: unknown = JSON.parse(Buffer.from(seal.slice('seal.'.length), 'base64url').toString());
    if (!isJsonObject(value) || typeof value['text'] !== 'string') return undefined;
    if (value['shown'] === true && text !== value['text']) return undefined;
    const { proof } = value;
    return { text: value['text'], ...(isProof(proof) ? { proof } : {}) };
  },
};

function isProof(value: unknown): value is NonNullable<SealedThinking['proof']> {
  return isJsonObject(value) && typeof value['value'] === 'string';
}

/** For tests: ids that count, of each kind for itself. */
export function sampleIds(): (prefix: string) => string {
  let count = 0;
  return (prefix) => `${prefix}_${(count += 1)}`;
}

/** For tests: the style of the response to that body. */
export function sampleStyle(body: object = {}, change: Partial<ResponsesStyle> = {}, vendor: ResponsesBody['vendor'] = 'openai'): ResponsesStyle {
  const parsed = parseResponsesBody({ model: 'kimi-k2', input: 'hi', ...body }, vendor);
  return {
    vendor,
    responseId: 'resp_1',
    createdS: 1000,
    model: parsed.model,
    settings: settingsOf(parsed),
    seals: sampleSeals,
    includeEncrypted: parsed.include.has('reasoning.encrypted_content'),
    toolForms: decodeTools(parsed.wire).forms,
    newId: sampleIds(),
    nowS: () => 1007,
    ...change,
  };
}
