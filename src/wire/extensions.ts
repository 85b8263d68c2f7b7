import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { Extensions, Loss } from '../dialogue/extensions.ts';
import type { Protocol } from '../dialogue/protocol.ts';

/**
 * Fields that ask only for how a thing is done, not for what: of caches that work by themselves, of tools that are told of at once in place of
 * when they are asked for. To leave them out loses nothing that anybody could see.
 */
const hints: ReadonlySet<string> = new Set(['cache_control', 'defer_loading', 'eager_input_streaming']);

/** How one protocol keeps what the neutral language has no word for, and finds it again. */
export class ProtocolExtensions {
  readonly protocol: Protocol;

  constructor(protocol: Protocol) {
    this.protocol = protocol;
  }

  /**
   * The fields of `object` that are not in `known`, as extensions of this protocol, with what is unknown inside a known field
   * (`inner`, by field name) under that field's name. Nothing unknown: no property at all, to be spread.
   */
  of(object: object, known: ReadonlySet<string>, inner: Readonly<Record<string, JsonObject | undefined>> = {}): { extensions?: Extensions } {
    const rest: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
    let any = false;
    for (const [key, value] of [...Object.entries(object).filter(([name]) => !known.has(name)), ...Object.entries(inner)]) {
      if (!isJsonValue(value)) continue;
      rest[key] = value;
      any = true;
    }
    return any ? { extensions: { [this.protocol]: rest } } : {};
  }

  /** What is unknown in a nested object, for `of`; undefined when all is known, or it is no object. */
  unknownIn(value: unknown, known: ReadonlySet<string>): JsonObject | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    return this.of(value, known).extensions?.[this.protocol];
  }

  /**
   * `fields` with the extensions of this protocol beside them, none in place of them; where both hold an object (`thinking`,
   * `stream_options` …), the two are joined. Keys in `except` are left out.
   */
  joined(fields: JsonObject, extensions: Extensions | undefined, except?: ReadonlySet<string>): JsonObject {
    const ours = extensions?.[this.protocol];
    return ours === undefined ? fields : join(fields, ours, except);
  }

  /** Declares what `extensions` hold of other protocols, which no place of this one understands. `field`: where they stand; empty for the request itself. */
  declareForeign(extensions: Extensions | undefined, field: string, losses: Loss[]): void {
    if (extensions === undefined) return;
    for (const [protocol, fields] of Object.entries(extensions)) {
      if (protocol !== this.protocol) declare(fields, field, 'only the protocol that it came by knows this field', losses);
    }
  }

  /** Declares what `extensions` hold of this protocol, where that which they belonged to is not sent in its old form. `field`: where they stand. */
  declareHomeless(extensions: Extensions | undefined, field: string, losses: Loss[]): void {
    declare(extensions?.[this.protocol] ?? {}, field, 'what it stood in is sent in another form, which has no such field', losses);
  }
}

function declare(fields: JsonObject, field: string, reason: string, losses: Loss[]): void {
  for (const name of Object.keys(fields)) {
    if (!hints.has(name)) losses.push({ field: field === '' ? name : `${field}.${name}`, reason });
  }
}

function join(fields: JsonObject, ours: JsonObject, except?: ReadonlySet<string>): JsonObject {
  // No prototype, so that a field called `__proto__` stays a field.
  const joined: Record<string, JsonValue> = Object.assign(Object.create(null) as Record<string, JsonValue>, fields);
  for (const [key, value] of Object.entries(ours)) {
    if (except?.has(key)) continue;
    const present = joined[key];
    if (present === undefined) joined[key] = value;
    else if (isJsonObject(present) && isJsonObject(value)) joined[key] = join(present, value);
  }
  return joined;
}

/** What a JSON body holds is JSON; this only tells the compiler, and drops `undefined`. */
function isJsonValue(value: unknown): value is JsonValue {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol' && typeof value !== 'bigint';
}
