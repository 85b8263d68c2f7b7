import type { JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { ToolChoiceRule } from '../../dialogue/model-rules.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { Tool, ToolChoice } from '../../dialogue/tool.ts';
import { encodeSchema } from '../schema-annotations.ts';
import { settledToolChoice } from '../settled-tool-choice.ts';
import type { MessagesDialect } from './messages-dialect.ts';
import { messagesExtensions } from './messages-extensions.ts';

/** What decides which tools can be sent and demanded. */
export interface ToolScene {
  readonly dialect: MessagesDialect;
  /** The vendor's, where that vendor answers. */
  readonly rule: ToolChoiceRule | undefined;
  /** The model will think. */
  readonly thinks: boolean;
}

/** `tools` and `tool_choice`. What cannot be carried is added to `losses`. */
export function encodeToolFields(request: DialogueRequest, scene: ToolScene, losses: Loss[]): JsonObject {
  const { dialect } = scene;
  const ofMessages = request.messages.flatMap((message) => (message.role === 'system' ? (message.tools ?? []) : []));
  const declared = declaredTools([...(request.tools ?? []), ...ofMessages], request.toolChoice, dialect);
  const tools = declared.map((tool, index) => encodeTool(tool, `tools.${index}`, dialect, losses)).filter((tool) => tool !== undefined);
  const names = new Set(tools.map((tool) => tool['name']));
  const choice = encodeChoice(request.toolChoice, names, tools.length, scene, losses);
  const parallel = parallelField(request, tools.length, dialect, losses);
  const either = choice ?? (parallel === undefined ? undefined : { type: 'auto' });
  return {
    ...(tools.length === 0 ? {} : { tools }),
    ...(either === undefined ? {} : { tool_choice: { ...either, ...(either['type'] === 'none' ? {} : parallel) } }),
  };
}

/** The tools that a choice allows. Where none can be named, the one that is demanded alone, and then any: that is the same. */
function declaredTools(tools: readonly Tool[], choice: ToolChoice | undefined, dialect: MessagesDialect): readonly Tool[] {
  const names = choice?.type === 'allowed' ? choice.names : choice?.type === 'named' && !dialect.namedToolChoice ? [choice.name] : undefined;
  if (names === undefined) return tools;
  const known = new Set(names);
  return tools.filter((tool) => known.has(nameOf(tool)));
}

function nameOf(tool: Tool): string {
  if (tool.kind !== 'opaque') return tool.name;
  const name = tool.value['name'];
  return typeof name === 'string' ? name : '';
}

function encodeTool(tool: Tool, field: string, dialect: MessagesDialect, losses: Loss[]): JsonObject | undefined {
  if (tool.kind === 'function') {
    const { name, description, parameters, strict } = tool;
    messagesExtensions.declareForeign(tool.extensions, field, losses);
    const declared: JsonObject = {
      name,
      ...(description === undefined ? {} : { description }),
      input_schema: encodeSchema(argumentsSchema(parameters), `${field}.input_schema`, dialect, losses),
      ...(strict === undefined ? {} : { strict }),
    };
    const present = tool.extensions?.[messagesExtensions.protocol] ?? {};
    const refused = dialect.toolFieldsRefused.filter((each) => present[each] !== undefined);
    for (const each of refused) losses.push({ field: `${field}.${each}`, reason: 'this upstream does not take it' });
    return messagesExtensions.joined(declared, tool.extensions, new Set(refused));
  }
  if (tool.kind === 'opaque' && tool.protocol === messagesExtensions.protocol) return tool.value;
  losses.push({ field, reason: 'this protocol does not know this kind of tool' });
  return undefined;
}

/** The protocol demands the `type`, which others do not; arguments are an object anyway. */
function argumentsSchema(parameters: JsonObject | undefined): JsonObject {
  if (parameters === undefined) return { type: 'object', properties: {} };
  return parameters['type'] === undefined ? { type: 'object', ...parameters } : parameters;
}

function encodeChoice(
  choice: ToolChoice | undefined,
  names: ReadonlySet<unknown>,
  count: number,
  { dialect, rule, thinks }: ToolScene,
  losses: Loss[],
): JsonObject | undefined {
  // Where none can be named, the one that was is alone (`declaredTools`), and any is demanded.
  const unnamed = choice?.type === 'named' && !dialect.namedToolChoice && names.has(choice.name);
  const settled = settledToolChoice(unnamed ? { type: 'required' } : choice, { names, count, rule, thinks }, losses);
  switch (settled?.type) {
    case undefined:
      return undefined;
    case 'auto':
    case 'none':
      return count === 0 ? undefined : { type: settled.type };
    case 'required':
      return { type: 'any' };
    case 'allowed':
      if (settled.mode === 'required') return { type: 'any' };
      return count === 0 ? undefined : { type: 'auto' };
    case 'named':
      return { type: 'tool', name: settled.name };
    case 'opaque':
      losses.push({ field: 'tool_choice', reason: 'only the protocol that it came by knows this choice' });
      return undefined;
  }
}

function parallelField(request: DialogueRequest, count: number, dialect: MessagesDialect, losses: Loss[]): JsonObject | undefined {
  const { parallelToolCalls } = request;
  if (parallelToolCalls === undefined || count === 0) return undefined;
  if (dialect.parallelSwitch) return { disable_parallel_tool_use: !parallelToolCalls };
  if (!parallelToolCalls) losses.push({ field: 'parallel_tool_calls', reason: 'this upstream cannot be told to make one call at a time' });
  return undefined;
}
