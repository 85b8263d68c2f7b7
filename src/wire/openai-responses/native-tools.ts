import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/**
 * A tool that OpenAI's models know by its type alone, with calls of a form of their own, and that the client runs. Any model can be told
 * of it as a function; its calls are then put back into their form.
 */
export interface NativeTool {
  readonly name: NativeToolName;
  readonly description: string;
  readonly parameters: JsonObject;
  /** The arguments of a function call, from the item of such a call. */
  argumentsOf(item: JsonObject): JsonObject;
  /** The fields of such an item from the arguments that a model wrote; undefined when they do not make one. */
  itemFieldsOf(args: JsonObject): JsonObject | undefined;
}

export type NativeToolName = 'local_shell' | 'shell' | 'apply_patch';

const strings = { type: 'array', items: { type: 'string' } };
const integer = { type: 'integer' };
const string = { type: 'string' };

const localShell: NativeTool = {
  name: 'local_shell',
  description: "Runs a command on the user's computer and returns what it printed.",
  parameters: {
    type: 'object',
    properties: {
      command: { ...strings, description: 'The program and its arguments. For shell syntax: ["bash", "-lc", "…"].' },
      working_directory: string,
      timeout_ms: integer,
      env: { type: 'object', additionalProperties: string },
    },
    required: ['command'],
  },
  argumentsOf(item) {
    const { type: _type, ...args } = objectIn(item, 'action');
    return withoutNulls(args);
  },
  itemFieldsOf(args) {
    if (!areStrings(args['command'])) return undefined;
    return { action: { type: 'exec', ...args, env: isJsonObject(args['env']) ? args['env'] : {} } };
  },
};

const shell: NativeTool = {
  name: 'shell',
  description: "Runs shell commands on the user's computer, each in a shell of its own, and returns what they printed.",
  parameters: {
    type: 'object',
    properties: { commands: strings, timeout_ms: integer, max_output_length: { ...integer, description: 'Most characters of output to return.' } },
    required: ['commands'],
  },
  argumentsOf: (item) => withoutNulls(objectIn(item, 'action')),
  itemFieldsOf(args) {
    const { commands, timeout_ms: timeoutMs = null, max_output_length: lengthMax = null } = args;
    if (!areStrings(commands)) return undefined;
    return { action: { commands, timeout_ms: timeoutMs, max_output_length: lengthMax }, environment: { type: 'local' } };
  },
};

const applyPatch: NativeTool = {
  name: 'apply_patch',
  description: 'Creates, updates or deletes one file.',
  parameters: {
    type: 'object',
    properties: {
      type: { type: 'string', enum: ['create_file', 'update_file', 'delete_file'] },
      path: string,
      diff: {
        ...string,
        description: 'For create_file the lines of the file, each with a + before it; for update_file hunks that begin with @@, whose lines begin with a space, + or -. Not for delete_file.',
      },
    },
    required: ['type', 'path'],
  },
  argumentsOf: (item) => withoutNulls(objectIn(item, 'operation')),
  itemFieldsOf(args) {
    const { type, path, diff } = args;
    if (typeof path !== 'string') return undefined;
    if (type === 'delete_file') return { operation: { type, path } };
    if ((type !== 'create_file' && type !== 'update_file') || typeof diff !== 'string') return undefined;
    return { operation: { type, path, diff } };
  },
};

const all: Readonly<Record<NativeToolName, NativeTool>> = { local_shell: localShell, shell, apply_patch: applyPatch };

/** The native tool of that type, if it is one. */
export function nativeTool(type: string): NativeTool | undefined {
  return isNativeToolName(type) ? all[type] : undefined;
}

function isNativeToolName(type: string): type is NativeToolName {
  return Object.hasOwn(all, type);
}

function objectIn(item: JsonObject, key: string): JsonObject {
  const value = item[key];
  return isJsonObject(value) ? value : {};
}

function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

function areStrings(value: JsonValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
