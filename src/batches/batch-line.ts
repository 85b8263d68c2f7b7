import { createHash } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import { isJsonObject, type JsonObject } from '../base/json.ts';
import type { BatchProblem } from './batch.ts';
import type { LineProtocols } from './line-protocol.ts';
import type { FileLine } from '../base/line-cutter.ts';

/** One request of a batch. */
export interface BatchLine {
  readonly customId: string;
  readonly body: JsonObject;
}

const customIdCharsMax = 512;

type Problem = Omit<BatchProblem, 'line'>;

/** A line of an input file as a request for `endpoint`, or what is wrong with it. */
export function parseBatchLine({ bytes, tooLong }: FileLine, endpoint: string, protocols: Pick<LineProtocols, 'isSame' | 'parseJson'>): BatchLine | Problem {
  if (tooLong) return { code: 'line_too_long', message: 'This line is longer than a request may be.' };
  let value: unknown;
  try {
    value = protocols.parseJson(bytes);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return invalidJson;
  }
  return isJsonObject(value) ? requestOf(value, endpoint, protocols) : invalidJson;
}

const invalidJson: Problem = { code: 'invalid_json_line', message: 'This line is not parseable as valid JSON.' };

/** A request as a caller writes it, or what is wrong with it. Where it names neither method nor path, those of the batch are meant. */
export function requestOf(value: JsonObject, endpoint: string, { isSame }: Pick<LineProtocols, 'isSame'>): BatchLine | Problem {
  const { custom_id: customId, method = 'POST', url = endpoint, body } = value;
  if (customId === undefined || customId === null || customId === '') return missing('custom_id');
  if (typeof customId !== 'string' || customId.length > customIdCharsMax) {
    return { code: 'invalid_parameter', message: `The 'custom_id' must be a string of 1 to ${customIdCharsMax} characters.`, param: 'custom_id' };
  }
  if (method !== 'POST') return { code: 'invalid_method', message: "The 'method' must be 'POST'.", param: 'method' };
  if (typeof url !== 'string' || !isSame(url, endpoint)) {
    return { code: 'url_mismatch', message: `The URL provided for this request does not match the batch endpoint: expected '${endpoint}'.`, param: 'url' };
  }
  if (body === undefined || body === null) return missing('body');
  return isJsonObject(body) ? { customId, body } : { code: 'invalid_parameter', message: "The 'body' must be an object.", param: 'body' };
}

function missing(param: string): Problem {
  return { code: 'missing_required_parameter', message: `Missing required parameter: '${param}'.`, param };
}

/** Tells whether an id was met before; keeps so many bytes of each, whatever its length. */
export class CustomIds {
  readonly #met = new Set<string>();

  /** False: it has been added before. */
  add(customId: string): boolean {
    const digest = createHash('sha256').update(customId).digest('base64url').slice(0, 22);
    if (this.#met.has(digest)) return false;
    this.#met.add(digest);
    return true;
  }
}
