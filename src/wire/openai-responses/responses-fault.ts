import type { z } from 'zod';
import { Fault } from '../../base/fault.ts';
import { isJsonObject } from '../../base/json.ts';

/** Whose form of the protocol: OpenAI's under /v1, Volcengine's under /api/v3. */
export type ResponsesVendor = 'openai' | 'ark';

/** An `invalid_request` fault. `field`: path with dots, `input.3.type`. */
export function invalidRequest(field: string, message: string): Fault {
  return new Fault('invalid_request', { message, ...(field === '' ? {} : { field }) });
}

/** A field that has to be there and is not. */
export function missingField(field: string): Fault {
  return invalidRequest(field, `Missing required parameter: '${pathText(field)}'.`);
}

/** A word that is none of `values`. */
export function invalidValue(field: string, value: string, values: readonly string[]): Fault {
  return invalidRequest(field, `Invalid value: '${shortened(value)}'. Supported values are: ${listText(values)}.`);
}

/** A path as OpenAI writes it, with list positions in brackets: `input[3].type`. */
export function pathText(field: string): string {
  return field.replace(/\.(\d+)(?=\.|$)/g, '[$1]');
}

/** Ids and words are the caller's to choose, but not how long our answer is. */
export function shortened(text: string): string {
  return text.length <= 128 ? text : `${text.slice(0, 128).toWellFormed()}…`;
}

/**
 * What a schema found first, as a fault in OpenAI's manner of words. `body` is what was checked, `above` the path that leads
 * to it.
 */
export function schemaFault(issue: z.core.$ZodIssue | undefined, body: unknown, above: readonly PropertyKey[] = []): Fault {
  if (issue === undefined) return invalidRequest('', 'Invalid request body.');
  const inner = innermost(issue, []);
  const field = [...above, ...inner.path].map(String).join('.');
  const value = valueAt(body, inner.path);
  const { issue: found } = inner;
  if (value === undefined) return missingField(field);
  switch (found.code) {
    case 'invalid_type':
      return typeFault(field, expectedWords[found.expected] ?? `a ${found.expected}`, value);
    case 'invalid_value':
      if (typeof value !== 'string') return typeFault(field, `one of ${listText(found.values.map(String))}`, value);
      return invalidValue(field, value, found.values.map(String));
    case 'too_big':
    case 'too_small':
      return sizeFault(field, found, value);
    case 'invalid_union':
      return typeFault(field, found.message, value);
    default:
      return invalidRequest(field, `Invalid '${pathText(field)}': ${found.message}.`);
  }
}

/** Of something that may have several forms, the form that the caller seems to have meant: the one that fails deeper inside. */
function innermost(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): { issue: z.core.$ZodIssue; path: readonly PropertyKey[] } {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union') return { issue, path };
  for (const [inner] of issue.errors) {
    if (inner !== undefined && inner.path.length > 0) return innermost(inner, path);
  }
  return { issue, path };
}

const expectedWords: Readonly<Record<string, string>> = {
  string: 'a string', number: 'a decimal', int: 'an integer', boolean: 'a boolean', array: 'an array', object: 'an object', record: 'an object',
};

function typeFault(field: string, expected: string, value: unknown): Fault {
  const subject = field === '' ? 'the request body' : `'${pathText(field)}'`;
  return invalidRequest(field, `Invalid type for ${subject}: expected ${expected}, but got ${typeWords(value)} instead.`);
}

function typeWords(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return `a ${typeof value}`;
}

type SizeIssue = Extract<z.core.$ZodIssue, { code: 'too_big' | 'too_small' }>;

function sizeFault(field: string, issue: SizeIssue, value: unknown): Fault {
  const over = issue.code === 'too_big';
  const limit = String(over ? issue.maximum : issue.minimum);
  const subject = `Invalid '${pathText(field)}'`;
  if (typeof value === 'string') {
    const bound = over ? 'maximum' : 'minimum';
    return invalidRequest(field, `${subject}: string too ${over ? 'long' : 'short'}. Expected a string with ${bound} length ${limit}, but got a string with length ${value.length} instead.`);
  }
  if (Array.isArray(value)) {
    const bound = over ? 'maximum' : 'minimum';
    return invalidRequest(field, `${subject}: array too ${over ? 'long' : 'short'}. Expected an array with ${bound} length ${limit}, but got an array with length ${value.length} instead.`);
  }
  const kind = Number.isInteger(value) ? 'integer' : 'decimal';
  return invalidRequest(
    field,
    `${subject}: ${kind} ${over ? 'above maximum' : 'below minimum'} value. Expected a value ${over ? '<=' : '>='} ${limit}, but got ${String(value)} instead.`,
  );
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const key of path) {
    if (Array.isArray(value)) value = value[Number(key)] as unknown;
    else if (isJsonObject(value)) value = value[String(key)];
    else return undefined;
  }
  return value;
}

function listText(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  if (quoted.length <= 1) return quoted.join('');
  const head = quoted.slice(0, -1).join(', ');
  return `${head}${quoted.length > 2 ? ',' : ''} and ${String(quoted.at(-1))}`;
}
