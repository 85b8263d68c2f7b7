import { z } from 'zod';
import { Fault } from '../../base/fault.ts';

/**
 * The Messages request as far as we understand it (responses-ark-anthropic-batch.md 3.2, moonshot-api.md 1.8). Objects are loose: what
 * is not named here is kept and passed on. Only checks; the request is then read from the body itself. Content blocks are checked
 * where they are read.
 */

const block = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(block)], { error: 'Input should be a valid string or a valid list' });
const schema = z.looseObject({});
const count = z.int({ error: 'Input should be a valid integer' }).min(1);

const message = z.looseObject({ role: z.enum(['user', 'assistant', 'system']), content });

/** Tools that are not the caller's own (`web_search_20250305` …) have a type, and need not have a name. */
const tool = z.looseObject({
  type: z.string().nullish(),
  name: z.string().nullish(),
  description: z.string().nullish(),
  input_schema: schema.nullish(),
  strict: z.boolean().nullish(),
});

const toolChoice = z.looseObject({
  type: z.enum(['auto', 'any', 'tool', 'none']),
  name: z.string().nullish(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

const format = z.looseObject({ type: z.string(), schema: schema.nullish() });

const countTokensRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.unknown()).min(1, { error: 'at least one message is required' }),
  max_tokens: count.nullish(),
  system: content.nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: z
    .looseObject({
      type: z.enum(['enabled', 'adaptive', 'between_tools', 'disabled']),
      // Anthropic's least is 1024; Kimi has none.
      budget_tokens: count.nullish(),
      display: z.string().nullish(),
    })
    .nullish(),
  output_config: z.looseObject({ effort: z.string().min(1).nullish(), format: format.nullish() }).nullish(),
  // From before `output_config`.
  output_format: format.nullish(),
  context_management: z.looseObject({ edits: z.array(block).nullish() }).nullish(),
  metadata: z.looseObject({ user_id: z.string().nullish() }).nullish(),
  stop_sequences: z.array(z.string()).max(64).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stream: z.boolean().nullish(),
});

const messagesRequest = countTokensRequest.extend({ max_tokens: count });

export type MessagesRequestBody = z.infer<typeof countTokensRequest>;
export type MessagesToolBody = z.infer<typeof tool>;
export type MessagesBlock = z.infer<typeof block>;
export type MessagesMessageBody = z.infer<typeof message>;

/** The request parameters that we understand; all others are extensions. */
export const requestFields: ReadonlySet<string> = new Set(Object.keys(countTokensRequest.shape));
export const messageFields: ReadonlySet<string> = new Set(Object.keys(message.shape));
export const toolFields: ReadonlySet<string> = new Set(Object.keys(tool.shape));

/** A checked request: the body, and its messages. */
export interface CheckedRequest {
  readonly body: MessagesRequestBody;
  readonly messages: readonly MessagesMessageBody[];
}

/**
 * Throws the `invalid_request` fault for the first thing in `body` that has the wrong type or range, in Anthropic's words.
 * `counting`: the request is to be counted only, and may lack `max_tokens`.
 */
export function checkMessagesRequest(body: unknown, counting: boolean): CheckedRequest {
  const frame = (counting ? countTokensRequest : messagesRequest).safeParse(body);
  if (!frame.success) throw refusal(frame.error.issues[0], body, []);
  return { body: frame.data, messages: frame.data.messages.map(checkMessage) };
}

function checkMessage(value: unknown, index: number): MessagesMessageBody {
  const result = message.safeParse(value);
  if (!result.success) throw refusal(result.error.issues[0], value, ['messages', index]);
  return result.data;
}

type Issue = z.core.$ZodIssue;

function refusal(issue: Issue | undefined, body: unknown, above: readonly PropertyKey[]): Fault {
  if (issue === undefined) return invalidRequest('', 'Input should be a valid dictionary');
  const { path, words } = innermost(issue, body);
  return invalidRequest([...above, ...path].map(String).join('.'), words);
}

/** Of something that may have several forms, the form that the caller seems to have meant: the one that fails deeper inside. */
function innermost(issue: Issue, value: unknown): { path: readonly PropertyKey[]; words: string } {
  const at = valueAt(value, issue.path);
  if (at === undefined) return { path: issue.path, words: 'Field required' };
  if (issue.code === 'invalid_union') {
    for (const [inner] of issue.errors) {
      if (inner === undefined || inner.path.length === 0) continue;
      const { path, words } = innermost(inner, at);
      return { path: [...issue.path, ...path], words };
    }
  }
  return { path: issue.path, words: wordsOf(issue) };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) at = typeof at === 'object' && at !== null ? (Reflect.get(at, key) as unknown) : undefined;
  return at;
}

const kinds: Readonly<Record<string, string>> = { string: 'string', number: 'number', boolean: 'boolean', array: 'list', object: 'dictionary' };

/** Pydantic's words, which Anthropic's server speaks. */
function wordsOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      // An integer's own words: of a text in its place, zod only says that it is no number.
      return issue.message.startsWith('Input should') ? issue.message : `Input should be a valid ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_value': {
      const values = issue.values.map((each) => `'${String(each)}'`);
      return `Input should be ${values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`}`;
    }
    case 'too_small':
      if (issue.origin === 'string') return `String should have at least ${issue.minimum} character`;
      return issue.origin === 'array' ? issue.message : `Input should be greater than or equal to ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `List should have at most ${issue.maximum} items`;
      return `Input should be less than or equal to ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** A fault in Anthropic's form: `<field>: <what is wrong>`. */
export function invalidRequest(field: string, what: string): Fault {
  return new Fault('invalid_request', field === '' ? { message: what } : { message: `${field}: ${what}`, field });
}

/** Ids and names are the caller's to choose, but not how long our answer is. */
export function shortened(text: string): string {
  return text.length <= 128 ? text : `${text.slice(0, 128).toWellFormed()}…`;
}
