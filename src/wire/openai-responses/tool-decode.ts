import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { Tool, ToolChoice } from '../../dialogue/tool.ts';
import { nativeTool } from './native-tools.ts';
import { responsesExtensions } from './responses-extensions.ts';
import { invalidRequest, missingField, pathText } from './responses-fault.ts';
import type { ResponsesToolWire, ResponsesWire } from './responses-request-schema.ts';
import { flatName, type ToolForm, type ToolForms } from './tool-forms.ts';

const functionFields: ReadonlySet<string> = new Set(['type', 'name', 'description', 'parameters', 'strict']);
const namePattern = /^[a-zA-Z0-9_-]+$/;

/** The tools of a request, with the forms in which calls of them are to be written. */
export interface DecodedTools {
  readonly tools: readonly Tool[];
  readonly forms: ToolForms;
}

/**
 * The tools of a request. Functions are functions, those of a namespace too. Free-form (`custom`) tools, `local_shell`, `shell` and
 * `apply_patch`, which the client runs, become functions; what OpenAI runs itself is kept as it is. Throws for a name that is missing,
 * malformed or used twice.
 */
export function decodeTools(wire: ResponsesWire): DecodedTools {
  const reader = new ToolReader();
  (wire.tools ?? []).forEach((tool, index) => reader.read(tool, `tools.${index}`));
  return reader;
}

class ToolReader implements DecodedTools {
  readonly tools: Tool[] = [];
  readonly forms = new Map<string, ToolForm>();
  readonly #names = new Set<string>();

  read(tool: ResponsesToolWire, field: string): void {
    if (tool.type === 'namespace') {
      const namespace = checkedName(tool, field);
      (tool.tools ?? []).forEach((inner, index) => {
        if (!isJsonObject(inner)) return;
        this.#named(inner, `${field}.tools.${index}`, namespace);
      });
      return;
    }
    const value: unknown = tool;
    if (!isJsonObject(value)) throw invalidRequest(field, 'Invalid tool: expected an object.');
    if (tool.type === 'function' || tool.type === 'custom') {
      this.#named(value, field, undefined);
      return;
    }
    const native = nativeTool(tool.type);
    if (native === undefined || isHostedShell(value)) {
      this.tools.push({ kind: 'opaque', protocol: responsesExtensions.protocol, value });
      return;
    }
    const { name, description, parameters } = native;
    this.#add({ kind: 'function', name, description, parameters }, field);
    this.forms.set(name, { kind: 'native', name });
  }

  #named(tool: JsonObject, field: string, namespace: string | undefined): void {
    const own = checkedName(tool, field);
    const name = flatName(namespace, own);
    const place = { name: own, ...(namespace === undefined ? {} : { namespace }) };
    if (tool['type'] === 'custom') {
      this.#add(customTool(tool, name), field);
      this.forms.set(name, { kind: 'custom', ...place });
      return;
    }
    const { description, parameters, strict } = tool;
    this.#add(
      {
        kind: 'function',
        name,
        ...(typeof description === 'string' ? { description } : {}),
        ...(isJsonObject(parameters) ? { parameters } : {}),
        ...(typeof strict === 'boolean' ? { strict } : {}),
        ...responsesExtensions.of(tool, functionFields),
      },
      field,
    );
    if (namespace !== undefined) this.forms.set(name, { kind: 'function', ...place });
  }

  #add(tool: Tool & { readonly name: string }, field: string): void {
    if (this.#names.has(tool.name)) throw invalidRequest(field, `Invalid '${pathText(field)}': the tool name '${tool.name}' is used twice.`);
    this.#names.add(tool.name);
    this.tools.push(tool);
  }
}

function checkedName(tool: { readonly name?: unknown } | JsonObject, field: string): string {
  const { name } = tool;
  if (typeof name !== 'string' || name === '') throw missingField(`${field}.name`);
  if (name.length > 128 || !namePattern.test(name)) {
    throw invalidRequest(`${field}.name`, `Invalid '${pathText(field)}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]{1,128}$'.`);
  }
  return name;
}

/** A shell in a container at OpenAI, which nobody else has. */
function isHostedShell(tool: JsonObject): boolean {
  const { environment } = tool;
  return tool['type'] === 'shell' && isJsonObject(environment) && environment['type'] !== 'local';
}

/**
 * A free-form tool as a function with one string. A grammar that its text has to follow is told to the model, which then is not held to
 * it by force.
 */
function customTool(tool: JsonObject, name: string): Tool & { readonly name: string } {
  const { description, format } = tool;
  const grammar = isJsonObject(format) && format['type'] === 'grammar' && typeof format['definition'] === 'string' ? format['definition'] : undefined;
  const syntax = isJsonObject(format) && format['syntax'] === 'regex' ? 'regular expression' : 'Lark grammar';
  const input = grammar === undefined ? 'The whole text for the tool.' : `The whole text for the tool. It must follow this ${syntax}:\n${grammar}`;
  return {
    kind: 'function',
    name,
    ...(typeof description === 'string' ? { description } : {}),
    parameters: { type: 'object', properties: { input: { type: 'string', description: input } }, required: ['input'], additionalProperties: false },
  };
}

/**
 * `tool_choice`: a word, one tool, or those that are allowed. The choice of a tool that OpenAI runs is kept as it is. Throws when a tool
 * is named that was not declared, or one is demanded where there are none.
 */
export function decodeToolChoice(choice: NonNullable<ResponsesWire['tool_choice']>, tools: readonly Tool[]): ToolChoice {
  if (typeof choice === 'string') {
    if (choice === 'required' && tools.length === 0) {
      throw invalidRequest('tool_choice', "Tool choice 'required' must be specified with 'tools' parameter.");
    }
    return { type: choice };
  }
  const value: unknown = choice;
  if (!isJsonObject(value)) throw invalidRequest('tool_choice', "Invalid type for 'tool_choice': expected an object.");
  const names = new Set(tools.flatMap((tool) => (tool.kind === 'opaque' ? [] : [tool.name])));
  if (choice.type === 'allowed_tools') return allowedTools(value, names);
  const name = nameOf(value, 'tool_choice', names);
  return name === undefined ? { type: 'opaque', protocol: responsesExtensions.protocol, value } : { type: 'named', name };
}

function allowedTools(choice: JsonObject, names: ReadonlySet<string>): ToolChoice {
  const { mode, tools } = choice;
  if (!Array.isArray(tools)) throw missingField('tool_choice.tools');
  const allowed: string[] = [];
  const list = tools as readonly unknown[];
  for (let index = 0; index < list.length; index += 1) {
    const tool = list[index];
    const name = isJsonObject(tool) ? nameOf(tool, `tool_choice.tools.${index}`, names) : undefined;
    // A tool among them that OpenAI runs: only its own servers know whether it may be called.
    if (name === undefined) return { type: 'opaque', protocol: responsesExtensions.protocol, value: choice };
    allowed.push(name);
  }
  return { type: 'allowed', mode: mode === 'required' ? 'required' : 'auto', names: allowed };
}

/** The neutral name of the tool that is meant; undefined for one that is not ours to call. */
function nameOf(choice: JsonObject, field: string, names: ReadonlySet<string>): string | undefined {
  const { type, name, namespace } = choice;
  if (typeof type !== 'string') throw missingField(`${field}.type`);
  const isNamed = type === 'function' || type === 'custom';
  if (!isNamed) return nativeTool(type) !== undefined && names.has(type) ? type : undefined;
  if (typeof name !== 'string' || name === '') throw missingField(`${field}.name`);
  const flat = flatName(typeof namespace === 'string' ? namespace : undefined, name);
  if (!names.has(flat)) throw invalidRequest(field, `Tool choice '${name.slice(0, 128)}' not found in 'tools' parameter.`);
  return flat;
}
