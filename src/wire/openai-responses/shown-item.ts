import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/** An item as it is shown: what its reasoning is sealed in only where that was asked for (`include`). */
export function shownItem(item: JsonObject, includeEncrypted: boolean): JsonObject {
  if (includeEncrypted || item['type'] !== 'reasoning') return item;
  const { encrypted_content: _sealed, ...shown } = item;
  return shown;
}

/** A stored response as it is shown. */
export function shownResponse(response: JsonObject, includeEncrypted: boolean): JsonObject {
  const { output } = response;
  if (includeEncrypted || !Array.isArray(output)) return response;
  const items = output as readonly JsonValue[];
  return { ...response, output: items.map((item) => (isJsonObject(item) ? shownItem(item, false) : item)) };
}
