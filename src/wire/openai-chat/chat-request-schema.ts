import { z } from 'zod';
import { Fault } from '../../base/fault.ts';
import { isJsonObject } from '../../base/json.ts';

/**
 * The chat request as far as we understand it: Moonshot's (moonshot-api.md 2.1), OpenAI's, OpenRouter's (6.1) and Ark's
 * (responses-ark-anthropic-batch.md 2.2) fields. Objects are loose: what is not named here is kept and passed on. `null`
 * stands for absence, as the SDKs send it. Only checks; the request is then read from the body itself.
 */

const count = z.int().min(1);
const jsonObject = z.looseObject({});

const part = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(part)], { error: 'expected a string or an array of content parts' });

const functionShape = z.looseObject({
  name: z.string().min(1).max(256),
  description: z.string().nullish(),
  parameters: jsonObject.nullish(),
  strict: z.boolean().nullish(),
});

/** Anthropic's form, `{name, description, input_schema}`, and the Responses API's flat one, are taken for OpenAI's. */
const tool = z.looseObject({
  type: z.string().nullish(),
  function: functionShape.nullish(),
  name: z.string().min(1).max(256).nullish(),
  description: z.string().nullish(),
  input_schema: jsonObject.nullish(),
  parameters: jsonObject.nullish(),
  strict: z.boolean().nullish(),
});

const calledFunction = z.looseObject({ name: z.string().min(1), arguments: z.string().nullish() });

const toolCall = z.looseObject({ id: z.string().min(1), type: z.string().nullish(), function: calledFunction });

const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: content.nullish(),
  name: z.string().nullish(),
  partial: z.boolean().nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish(),
  function_call: calledFunction.nullish(),
  tool_call_id: z.string().nullish(),
  tools: z.array(tool).nullish(),
});

const named = z.looseObject({ name: z.string().min(1) });
/** `any` is Mistral's word for `required`. */
const choiceWord = z.enum(['auto', 'none', 'required', 'any']);

const toolChoice = z.union([choiceWord, z.looseObject({ type: z.string() })], {
  error: 'expected "auto", "none", "required" or an object that names a function',
});

const responseFormat = z.looseObject({
  type: z.string(),
  json_schema: z
    .looseObject({
      name: z.string().min(1),
      schema: jsonObject,
      description: z.string().nullish(),
      strict: z.boolean().nullish(),
    })
    .nullish(),
});

const chatRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(message).min(1),
  tools: z.array(tool).nullish(),
  functions: z.array(functionShape).nullish(),
  tool_choice: toolChoice.nullish(),
  function_call: z.union([z.enum(['auto', 'none']), named], { error: 'expected "auto", "none" or {"name": …}' }).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  max_tokens: count.nullish(),
  max_completion_tokens: count.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  n: count.max(128).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)], { error: 'expected a string or an array of at most 16 strings' }).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish(), chunk_include_usage: z.boolean().nullish() }).nullish(),
  response_format: responseFormat.nullish(),
  thinking: z
    .looseObject({
      type: z.enum(['enabled', 'disabled', 'auto']).nullish(),
      keep: z.literal('all').nullish(),
      effort: z.string().nullish(),
      budget_tokens: count.nullish(),
    })
    .nullish(),
  reasoning_effort: z.string().min(1).nullish(),
  reasoning: z
    .looseObject({
      effort: z.string().min(1).nullish(),
      max_tokens: count.nullish(),
      enabled: z.boolean().nullish(),
      exclude: z.boolean().nullish(),
    })
    .nullish(),
  chat_template_kwargs: z
    .looseObject({
      thinking: z.boolean().nullish(),
      enable_thinking: z.boolean().nullish(),
      preserve_thinking: z.boolean().nullish(),
      thinking_effort: z.string().nullish(),
    })
    .nullish(),
  prompt_cache_key: z.string().nullish(),
});

/** What goes to the upstream as it is, and has a documented type all the same. */
const passedOn = z.looseObject({
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  seed: z.int().nullish(),
  user: z.string().nullish(),
  logit_bias: jsonObject.nullish(),
  prediction: z.looseObject({ type: z.literal('content') }).nullish(),
  service_tier: z.string().nullish(),
  repetition_penalty: z.number().min(0).max(2).nullish(),
  safety_identifier: z.string().nullish(),
  metadata: jsonObject.nullish(),
  store: z.boolean().nullish(),
  verbosity: z.string().nullish(),
});
const passedOnFields = Object.keys(passedOn.shape);

/** Messages are checked one by one, see `checkMessages`. */
const chatRequestFrame = chatRequest.extend({ messages: z.array(z.unknown()).min(1) });

export type ChatRequestBody = z.infer<typeof chatRequest>;
export type ChatMessageBody = ChatRequestBody['messages'][number];
export type ChatToolBody = z.infer<typeof tool>;
export type ChatToolChoiceBody = z.infer<typeof toolChoice>;
export type ChatCallBody = z.infer<typeof toolCall>;
export type ChatPartBody = z.infer<typeof part>;

/** The request parameters that `decodeChatRequest` understands; all others are extensions. */
export const requestFields: ReadonlySet<string> = new Set(Object.keys(chatRequest.shape));
export const messageFields: ReadonlySet<string> = new Set([...Object.keys(message.shape), 'reasoning']);
export const toolFields: ReadonlySet<string> = new Set(Object.keys(tool.shape));
export const functionFields: ReadonlySet<string> = new Set(Object.keys(functionShape.shape));

/** Throws the `invalid_request` fault for the first thing in `body` that has the wrong type or range, naming its field. */
export function checkChatRequest(body: unknown): asserts body is ChatRequestBody {
  const frame = chatRequestFrame.safeParse(body);
  if (!frame.success) throw refusal(frame.error.issues[0], []);
  checkMessages(frame.data.messages);
  // Seldom there, and together as dear to check as all the rest.
  if (!passedOnFields.some((field) => frame.data[field] !== undefined)) return;
  const rest = passedOn.safeParse(body);
  if (!rest.success) throw refusal(rest.error.issues[0], []);
}

/** Nearly all messages are a role and a text; those need no schema, which costs more than reading the message does. */
function checkMessages(messages: readonly unknown[]): void {
  for (let index = 0; index < messages.length; index += 1) {
    if (isPlainMessage(messages[index])) continue;
    const value = messages[index];
    const result = message.safeParse(value);
    if (result.success) continue;
    // Where it may stand it has been replaced by what it stands for.
    if (isJsonObject(value) && value['role'] === 'cache') {
      throw invalidRequest(`messages.${index}.role`, 'a "cache" message can only be the first one, and only under /v1/chat/completions');
    }
    throw refusal(result.error.issues[0], ['messages', index]);
  }
}

const plainRoles: ReadonlySet<unknown> = new Set(['system', 'user', 'assistant']);

function isPlainMessage(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  for (const key in value) if (key !== 'role' && key !== 'content') return false;
  return plainRoles.has(value['role']) && typeof value['content'] === 'string';
}

function refusal(issue: z.core.$ZodIssue | undefined, above: readonly PropertyKey[]): Fault {
  const { path, message: what } = innermost(issue);
  return invalidRequest([...above, ...path].map(String).join('.'), plainWords(what));
}

/** What the validator says, as one would say it to a person. */
function plainWords(what: string): string {
  if (what.endsWith(', received undefined')) return 'is missing';
  return what.startsWith('Invalid input: ') ? what.slice('Invalid input: '.length) : what;
}

/** Of something that may have several forms, the form that the caller seems to have meant: the one that fails deeper inside. */
function innermost(issue: z.core.$ZodIssue | undefined): { path: readonly PropertyKey[]; message: string } {
  if (issue === undefined) return { path: [], message: 'not a chat request' };
  if (issue.code === 'invalid_union') {
    for (const branch of issue.errors) {
      const [inner] = branch;
      if (inner === undefined || inner.path.length === 0) continue;
      const deeper = innermost(inner);
      return { path: [...issue.path, ...deeper.path], message: deeper.message };
    }
  }
  return { path: issue.path, message: issue.message };
}

/** A fault in Moonshot's words: `Invalid request: <field>: <what is wrong>` (moonshot-api.md 3.2). */
export function invalidRequest(field: string, what: string): Fault {
  if (field === '') return new Fault('invalid_request', { message: `Invalid request: ${what}` });
  return new Fault('invalid_request', { message: `Invalid request: ${field}: ${what}`, field });
}

/** The same for sentences that Moonshot writes without naming the field. */
export function invalidRequestAt(field: string, sentence: string): Fault {
  return new Fault('invalid_request', { message: `Invalid request: ${sentence}`, field });
}
