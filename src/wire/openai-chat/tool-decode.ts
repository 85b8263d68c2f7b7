import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { Tool, ToolChoice } from '../../dialogue/tool.ts';
import { chatExtensions } from './chat-extensions.ts';
import {
  type ChatRequestBody, type ChatToolBody, type ChatToolChoiceBody, functionFields, invalidRequest, invalidRequestAt,
  toolFields,
} from './chat-request-schema.ts';

/** Moonshot's and OpenAI's rule (moonshot-api.md 2.1); names with dots, `@` or a leading digit are refused (2.8). */
const functionName = /^[a-zA-Z_][a-zA-Z0-9_-]{0,255}$/;

/** Of a tool whose name stands in `function`. */
const wrappedFields: ReadonlySet<string> = new Set(['type', 'function']);

/** Names that are taken, over the whole request: a tool may be declared once only (moonshot-api.md 2.8, 3.2). */
export type ToolNames = Set<string>;

/**
 * A `tools` list. OpenAI's form, Moonshot's `builtin_function`, the flat form and Anthropic's `{name, description,
 * input_schema}` are understood; of any other type, a tool is kept as it is. `field` is the list's path. Throws for a tool
 * without a name, for a function's name that breaks Moonshot's rule, and for a name in `taken`, to which all names are added.
 */
export function decodeTools(tools: readonly ChatToolBody[], field: string, taken: ToolNames): Tool[] {
  return tools.map((tool, index) => {
    const decoded = decodeTool(tool, `${field}.${index}`);
    if (decoded.kind !== 'opaque') take(decoded.name, `${field}.${index}`, taken);
    return decoded;
  });
}

/** The `functions` list from before `tools`. */
export function decodeFunctions(functions: NonNullable<ChatRequestBody['functions']>, taken: ToolNames): Tool[] {
  return functions.map((declared, index) => {
    take(declared.name, `functions.${index}`, taken);
    return functionTool(declared, `functions.${index}.name`, declared.parameters ?? undefined, chatExtensions.of(declared, functionFields));
  });
}

function take(name: string, field: string, taken: ToolNames): void {
  if (taken.has(name)) throw invalidRequestAt(field, `function name ${name} is duplicated`);
  taken.add(name);
}

function decodeTool(tool: ChatToolBody, field: string): Tool {
  const type = tool.type ?? 'function';
  if (type === 'builtin_function') {
    const name = tool.function?.name;
    if (name === undefined) throw invalidRequest(`${field}.function.name`, 'a builtin_function needs a name');
    return { kind: 'builtin', name, ...chatExtensions.of(tool, wrappedFields, { function: chatExtensions.unknownIn(tool.function, functionFields) }) };
  }
  if (type !== 'function' && !(type === 'custom' && isJsonObject(tool.input_schema))) {
    if (!isJsonObject(tool)) throw invalidRequest(field, 'expected an object');
    return { kind: 'opaque', protocol: chatExtensions.protocol, value: tool };
  }
  if (tool.function !== undefined && tool.function !== null) {
    const extensions = chatExtensions.of(tool, wrappedFields, { function: chatExtensions.unknownIn(tool.function, functionFields) });
    return functionTool(tool.function, `${field}.function.name`, tool.function.parameters ?? undefined, extensions);
  }
  if (typeof tool.name !== 'string') throw invalidRequest(`${field}.function`, 'a tool needs a function with a name');
  const { name, description, strict } = tool;
  const parameters = tool.parameters ?? tool.input_schema ?? undefined;
  return functionTool({ name, description, strict }, `${field}.name`, parameters, chatExtensions.of(tool, toolFields));
}

function functionTool(
  declared: { name: string; description?: string | null | undefined; strict?: boolean | null | undefined },
  nameField: string,
  parameters: unknown,
  extensions: ReturnType<(typeof chatExtensions)['of']>,
): Tool {
  const { name, description, strict } = declared;
  if (!functionName.test(name)) {
    throw invalidRequest(nameField, 'expected a letter or "_", then letters, digits, "_" and "-", 256 at most');
  }
  return {
    kind: 'function',
    name,
    ...(typeof description === 'string' ? { description } : {}),
    ...(isJsonObject(parameters) ? { parameters } : {}),
    ...(typeof strict === 'boolean' ? { strict } : {}),
    ...extensions,
  };
}

/**
 * `tool_choice`: a word, the function that must be called (in OpenAI's form or flat), or a form of another kind (OpenAI's
 * `allowed_tools`), kept as it is. Throws when a function is demanded that was not declared, or any where there are none.
 */
export function decodeToolChoice(choice: ChatToolChoiceBody, names: ToolNames, anyTools: boolean): ToolChoice {
  const word = typeof choice === 'string' ? choice : choice.type;
  if (word === 'auto' || word === 'none') return { type: word };
  if (word === 'required' || word === 'any') {
    if (!anyTools) throw invalidRequest('tool_choice', '"required" needs tools');
    return { type: 'required' };
  }
  const value: unknown = choice;
  if (!isJsonObject(value)) throw invalidRequest('tool_choice', 'expected an object');
  if (word !== 'function' && word !== 'builtin_function') return { type: 'opaque', protocol: chatExtensions.protocol, value };
  const name = nameIn(value);
  if (name === undefined) throw invalidRequest('tool_choice.function.name', 'expected the name of a function');
  return namedChoice(name, 'tool_choice.function.name', names);
}

/** `function_call` from before `tool_choice`. */
export function decodeFunctionCall(call: NonNullable<ChatRequestBody['function_call']>, names: ToolNames): ToolChoice {
  return typeof call === 'string' ? { type: call } : namedChoice(call.name, 'function_call.name', names);
}

function namedChoice(name: string, field: string, names: ToolNames): ToolChoice {
  if (!names.has(name)) throw invalidRequest(field, 'names a function that is not among the tools');
  return { type: 'named', name };
}

function nameIn(choice: JsonObject): string | undefined {
  const holder = isJsonObject(choice['function']) ? choice['function'] : choice;
  const name = holder['name'];
  return typeof name === 'string' && name !== '' ? name : undefined;
}
