/**
 * What a chat answer says, read without any of the product's code: the yardstick of the recorded tests. Facts are kept by
 * name; a stream and a whole reply of the same content have the same facts.
 */
export interface WireFacts {
  /** Text that is told in pieces, put together: `0.content`, `0.tool_calls.1.function.arguments` … */
  readonly texts: ReadonlyMap<string, string>;
  /** Everything else that was said, as `path = JSON`. */
  readonly values: ReadonlySet<string>;
  readonly error: boolean;
}

type Json = Record<string, unknown>;

/** Fields that streams tell in pieces. */
const pieces = new Set(['content', 'reasoning', 'reasoning_content', 'refusal', 'arguments', 'text', 'summary']);

/** Facts of an SSE body or a JSON body. */
export function factsOf(body: string, streamed: boolean): WireFacts {
  const texts = new Map<string, string>();
  const values = new Set<string>();
  let error = false;
  for (const payload of streamed ? payloadsOf(body) : [JSON.parse(body) as unknown]) {
    if (!isObject(payload)) continue;
    if (payload['error'] !== undefined && payload['error'] !== null) error = true;
    for (const [key, value] of Object.entries(payload)) {
      if (key === 'choices' && Array.isArray(value)) for (const choice of value) if (isObject(choice)) readChoice(choice, texts, values);
      if (key === 'usage' && isObject(value)) readUsage(value, values);
      if (key !== 'choices' && key !== 'usage' && key !== 'object') note(values, key, value);
    }
  }
  return { texts, values, error };
}

function payloadsOf(body: string): unknown[] {
  const payloads: unknown[] = [];
  for (const line of body.split(/\r?\n/)) {
    if (!line.startsWith('data:')) continue;
    const data = line.slice(5).trim();
    if (data !== '' && data !== '[DONE]') payloads.push(JSON.parse(data));
  }
  return payloads;
}

function readChoice(choice: Json, texts: Map<string, string>, values: Set<string>): void {
  const index = String(choice['index'] ?? 0);
  for (const [key, value] of Object.entries(choice)) {
    if ((key === 'delta' || key === 'message') && isObject(value)) readMessage(index, value, texts, values);
    else if (key === 'usage' && isObject(value)) readUsage(value, values);
    else if (key !== 'index') note(values, `${index}.${key}`, value);
  }
}

function readMessage(path: string, message: Json, texts: Map<string, string>, values: Set<string>): void {
  for (const [key, value] of Object.entries(message)) {
    if (key === 'tool_calls' && Array.isArray(value)) {
      value.forEach((call: unknown, position) => {
        if (isObject(call)) readCall(`${path}.tool_calls.${String(call['index'] ?? position)}`, call, texts, values);
      });
    } else if (key === 'reasoning_details' && Array.isArray(value)) {
      for (const detail of value) if (isObject(detail)) readMessage(`${path}.${key}.${String(detail['type'])}`, detail, texts, values);
    } else if (key === 'content' && Array.isArray(value)) {
      for (const piece of value) if (isObject(piece)) readPiece(path, piece, texts);
    } else if (pieces.has(key) && typeof value === 'string') texts.set(`${path}.${key}`, (texts.get(`${path}.${key}`) ?? '') + value);
    else note(values, `${path}.${key}`, value);
  }
}

/** Mistral tells content in pieces, thinking among them; the same is said by two fields. */
function readPiece(path: string, piece: Json, texts: Map<string, string>): void {
  const thinking = Array.isArray(piece['thinking']) ? piece['thinking'] : [];
  const told = [...thinking.map((one: unknown) => ['reasoning_content', one] as const), ['content', piece] as const];
  for (const [field, one] of told) {
    const text = isObject(one) ? one['text'] : undefined;
    if (typeof text === 'string') texts.set(`${path}.${field}`, (texts.get(`${path}.${field}`) ?? '') + text);
  }
}

function readCall(path: string, call: Json, texts: Map<string, string>, values: Set<string>): void {
  const { function: called, id } = call;
  if (typeof id === 'string' && id !== '') note(values, `${path}.id`, id);
  if (!isObject(called)) return;
  if (typeof called['name'] === 'string' && called['name'] !== '') note(values, `${path}.name`, called['name']);
  if (typeof called['arguments'] === 'string') {
    texts.set(`${path}.arguments`, (texts.get(`${path}.arguments`) ?? '') + called['arguments']);
  }
}

/** What a provider charges whoever holds the credential: nobody else's affair, and so meant to be lost. */
const money = /cost|byok/;

function readUsage(usage: Json, values: Set<string>): void {
  const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = usage;
  // xAI leaves thinking out of completion_tokens and counts it in the total; the rest of the world counts it in both.
  const counted = typeof prompt === 'number' && typeof total === 'number' && typeof completion === 'number' ? total - prompt : completion;
  for (const [key, value] of Object.entries({ ...usage, completion_tokens: counted })) {
    if (money.test(key)) continue;
    if (isObject(value)) for (const [inner, number] of Object.entries(value)) note(values, `usage.${key}.${inner}`, number);
    else note(values, `usage.${key}`, value);
  }
}

/** Absent, null and empty say the same: nothing. */
function note(values: Set<string>, path: string, value: unknown): void {
  if (value === null || value === undefined || value === '') return;
  if (Array.isArray(value) && value.length === 0) return;
  values.add(`${path} = ${JSON.stringify(value)}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What `recorded` says and `delivered` does not; empty when nothing was lost. */
export function lossesBetween(recorded: WireFacts, delivered: WireFacts): string[] {
  const lost: string[] = [];
  for (const [path, text] of recorded.texts) {
    if (text !== '' && delivered.texts.get(path) !== text) lost.push(`${path}: ${JSON.stringify(text).slice(0, 80)} became ${JSON.stringify(delivered.texts.get(path) ?? null).slice(0, 80)}`);
  }
  for (const value of recorded.values) if (!delivered.values.has(value)) lost.push(value.slice(0, 160));
  return lost;
}
