import type { JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { Tool } from '../../dialogue/tool.ts';
import type { ChatDialect } from './chat-dialect.ts';
import { chatExtensions } from './chat-extensions.ts';
import { encodeSchema } from '../schema-annotations.ts';

/** A list of tools as `dialect` takes them; what it does not know is left out and added to `losses`. `field` is the list's path. */
export function encodeTools(tools: readonly Tool[], field: string, dialect: ChatDialect, losses: Loss[]): JsonObject[] {
  const encoded: JsonObject[] = [];
  for (let index = 0; index < tools.length; index += 1) {
    const tool = tools[index];
    if (tool === undefined) continue;
    const body = encodeTool(tool, `${field}.${index}`, dialect, losses);
    if (tool.kind !== 'opaque') chatExtensions.declareForeign(tool.extensions, `${field}.${index}`, losses);
    if (body !== undefined) encoded.push(body);
    else losses.push({ field: `${field}.${index}`, reason: 'this upstream does not know this kind of tool' });
  }
  return encoded;
}

function encodeTool(tool: Tool, field: string, dialect: ChatDialect, losses: Loss[]): JsonObject | undefined {
  switch (tool.kind) {
    case 'function': {
      const { name, description, parameters, strict } = tool;
      const declared: JsonObject = {
        name,
        ...(description === undefined ? {} : { description }),
        ...(parameters === undefined ? {} : { parameters: encodeSchema(parameters, `${field}.function.parameters`, dialect, losses) }),
        ...(strict === undefined ? {} : { strict }),
      };
      return chatExtensions.joined({ type: 'function', function: declared }, tool.extensions);
    }
    case 'builtin':
      if (!dialect.builtinTools) return undefined;
      return chatExtensions.joined({ type: 'builtin_function', function: { name: tool.name } }, tool.extensions);
    case 'opaque':
      return tool.protocol === chatExtensions.protocol ? tool.value : undefined;
  }
}
