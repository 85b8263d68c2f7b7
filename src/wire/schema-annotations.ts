import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { Loss } from '../dialogue/extensions.ts';

/**
 * Keywords of JSON Schema that say something about a schema and allow or forbid nothing. Moonshot's validator refuses them
 * or does not know them (moonshot-api.md 2.7); `title`, `description` and `default`, which it knows, are not among them.
 */
const annotations: ReadonlySet<string> = new Set([
  '$schema', '$vocabulary', '$comment', 'format', 'examples', 'deprecated', 'readOnly', 'writeOnly', 'contentEncoding',
  'contentMediaType', 'contentSchema',
]);

/** Of them, those that say nothing of what is described: that they are left out need not be told. */
const idle: ReadonlySet<string> = new Set(['$schema', '$vocabulary', '$comment']);

/** Whose value holds schemas by name; the names are the caller's, whatever they look like. */
const named: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']);

/** Whose value is a schema or a list of them. Of any other keyword (`enum`, `const`, `default` …) the value is no schema. */
const nested: ReadonlySet<string> = new Set([
  'items', 'prefixItems', 'additionalItems', 'unevaluatedItems', 'contains', 'additionalProperties', 'unevaluatedProperties',
  'propertyNames', 'anyOf', 'allOf', 'oneOf', 'not', 'if', 'then', 'else',
]);

/**
 * `schema` without the keywords that only annotate, and which of those said something, in the order met; without any, `schema` itself.
 * `$id` may stay at the root only. What Moonshot's dialect refuses beyond that (`oneOf`, `type` beside `anyOf` …) is left
 * as it is.
 */
export function withoutAnnotations(schema: JsonObject): { schema: JsonObject; dropped: readonly string[] } {
  const dropped = new Set<string>();
  const cleaned = cleanSchema(schema, true, dropped);
  return dropped.size === 0 ? { schema, dropped: [] } : { schema: cleaned, dropped: [...dropped].filter((keyword) => !idle.has(keyword)) };
}

/** A schema as a place takes it that has Moonshot's rules, or has not. What is left out is added to `losses`; `field` is its path. */
export function encodeSchema(schema: JsonObject, field: string, { moonshotRules }: { readonly moonshotRules: boolean }, losses: Loss[]): JsonObject {
  if (!moonshotRules) return schema;
  const { schema: cleaned, dropped } = withoutAnnotations(schema);
  if (dropped.length > 0) losses.push({ field, reason: `this upstream takes no ${dropped.join(', ')} in a schema` });
  return cleaned;
}

function cleanSchema(schema: JsonObject, root: boolean, dropped: Set<string>): JsonObject {
  // No prototype, so that a property called `__proto__` stays a property.
  const cleaned = Object.create(null) as Record<string, JsonValue>;
  for (const [keyword, value] of Object.entries(schema)) {
    if (annotations.has(keyword) || (keyword === '$id' && !root)) dropped.add(keyword);
    else if (named.has(keyword) && isJsonObject(value)) cleaned[keyword] = cleanNamed(value, dropped);
    else cleaned[keyword] = nested.has(keyword) ? cleanNested(value, dropped) : value;
  }
  return cleaned;
}

function cleanNamed(schemas: JsonObject, dropped: Set<string>): JsonObject {
  const cleaned = Object.create(null) as Record<string, JsonValue>;
  for (const [name, value] of Object.entries(schemas)) cleaned[name] = cleanNested(value, dropped);
  return cleaned;
}

function cleanNested(value: JsonValue, dropped: Set<string>): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((each) => cleanNested(each, dropped));
  return isJsonObject(value) ? cleanSchema(value, false, dropped) : value;
}
