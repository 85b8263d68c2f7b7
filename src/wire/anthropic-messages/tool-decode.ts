import { isJsonObject } from '../../base/json.ts';
import type { Tool, ToolChoice } from '../../dialogue/tool.ts';
import { messagesExtensions } from './messages-extensions.ts';
import { invalidRequest, type MessagesRequestBody, type MessagesToolBody, shortened, toolFields } from './messages-request-schema.ts';

/** Anthropic's rule; Moonshot's is narrower by the first character only (moonshot-api.md 1.8). */
const toolName = /^[a-zA-Z0-9_-]{1,128}$/;

/**
 * A `tools` list: the caller's own, with or without `type: "custom"`, are functions; those that Anthropic runs or defines
 * (`web_search_20250305`, `bash_20250124` …) stay as they are. Throws `invalid_request` faults in Anthropic's words.
 */
export function decodeTools(tools: readonly MessagesToolBody[]): Tool[] {
  const names = new Set<string>();
  return tools.flatMap((tool, index) => {
    if (isPlaceholder(tool)) return [];
    const decoded = decodeTool(tool, `tools.${index}`);
    if (decoded.kind !== 'opaque') {
      if (names.has(decoded.name)) throw invalidRequest('tools', 'Tool names must be unique.');
      names.add(decoded.name);
    }
    return [decoded];
  });
}

/** Claude Code's mark for Anthropic's own loading of tools, which says of itself that it is never to be called. */
function isPlaceholder(tool: MessagesToolBody): boolean {
  return tool['defer_loading'] === true && tool.name === 'DeferredToolPlaceholder';
}

function decodeTool(tool: MessagesToolBody, field: string): Tool {
  const { type, name, description, input_schema: parameters, strict } = tool;
  const value: unknown = tool;
  if (!isJsonObject(value)) throw invalidRequest(field, 'Input should be a valid dictionary');
  if ((type ?? 'custom') !== 'custom') return { kind: 'opaque', protocol: messagesExtensions.protocol, value };
  if (typeof name !== 'string') throw invalidRequest(`${field}.custom.name`, 'Field required');
  if (!toolName.test(name)) throw invalidRequest(`${field}.custom.name`, `String should match pattern '${toolName.source}'`);
  if (!isJsonObject(parameters)) throw invalidRequest(`${field}.custom.input_schema`, 'Field required');
  return {
    kind: 'function',
    name,
    ...(typeof description === 'string' ? { description } : {}),
    parameters,
    ...(typeof strict === 'boolean' ? { strict } : {}),
    ...messagesExtensions.of(tool, toolFields),
  };
}

/** `tool_choice`, but for what it says of parallel calls. Throws when it demands a tool that is not there. */
export function decodeToolChoice(choice: MessagesRequestBody['tool_choice'], tools: readonly Tool[]): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  switch (choice.type) {
    case 'auto':
    case 'none':
      return { type: choice.type };
    case 'any':
      if (tools.length === 0) throw invalidRequest('tool_choice', 'tool_choice may only be specified while providing tools.');
      return { type: 'required' };
    case 'tool': {
      const { name } = choice;
      if (typeof name !== 'string') throw invalidRequest('tool_choice.tool.name', 'Field required');
      // A tool of Anthropic's has its name inside, where only its protocol reads it.
      const known = tools.some((tool) => (tool.kind === 'opaque' ? tool.value['name'] : tool.name) === name);
      if (!known) throw invalidRequest('tool_choice', `Tool '${shortened(name)}' not found in provided tools`);
      return { type: 'named', name };
    }
  }
}
