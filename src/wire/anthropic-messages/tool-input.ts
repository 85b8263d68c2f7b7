import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/**
 * The key under which arguments travel that are no JSON object. `input` must be one, and nothing that the model wrote may be lost;
 * Anthropic's page on fine-grained tool streaming has such arguments wrapped in an object, under a key of one's choice.
 */
const invalidKey = 'INVALID_JSON';

/** Our own surfaces read bodies of 64 levels, of which the messages around the input take a few. */
const depthMax = 48;

/** Longer numbers may hold more than a double does. */
const digitsSafe = 15;
const longNumber = /[\d.]{16}|[eE][+-]?\d{3}/;
/** Beyond the largest double, or below the least. */
const farExponent = /[eE][+-]?\d{3}/;

/**
 * Arguments, as the model wrote them, as the `input` of a `tool_use` block. Numbers beyond what a double holds are kept as they are
 * written, for `JSON.stringify`. No text at all is an empty object; what is no JSON object, or
 * one nested without end, stands in one as a text.
 */
export function inputOf(argumentsText: string): JsonObject {
  if (argumentsText.trim() === '') return {};
  return objectIn(argumentsText) ?? { [invalidKey]: argumentsText };
}

/** The arguments of a `tool_use` block's `input`, as text: the one that `inputOf` was given, or one of the same meaning. */
export function argumentsOf(input: JsonObject): string {
  const wrapped = input[invalidKey];
  if (typeof wrapped === 'string' && Object.keys(input).length === 1 && objectIn(wrapped) === undefined) return wrapped;
  return JSON.stringify(input);
}

/** Whether `text` is a whole JSON object, so that nothing can follow. */
export function isWholeObject(text: string): boolean {
  return text.trimEnd().endsWith('}') && isJsonObject(parsed(text));
}

/** The object that `text` is; undefined when it is none, or a deeper one than we can write and a server would read. */
function objectIn(text: string): JsonObject | undefined {
  const value = parsed(text);
  return isJsonObject(value) && !isDeeper(value, depthMax) ? value : undefined;
}

function isDeeper(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each: JsonValue) => isDeeper(each, levels - 1));
}

function parsed(text: string): JsonValue | undefined {
  try {
    if (!longNumber.test(text)) return JSON.parse(text) as JsonValue;
    return JSON.parse(text, (_key: string, value: JsonValue, context?: { readonly source?: string }) => {
      const source = context?.source;
      const inexact = typeof value === 'number' && source !== undefined && (source.length > digitsSafe || farExponent.test(source));
      return inexact ? JSON.rawJSON(source) : value;
    }) as JsonValue;
  } catch {
    return undefined;
  }
}
