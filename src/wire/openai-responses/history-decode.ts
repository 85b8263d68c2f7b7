import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { Message, Part, ToolMessage } from '../../dialogue/message.ts';
import type { ThinkingSeals } from '../../dialogue/thinking-seal.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import { AssistantDraft } from './assistant-draft.ts';
import { decodeContent } from './content-decode.ts';
import { nativeTool } from './native-tools.ts';
import { responsesExtensions } from './responses-extensions.ts';
import { invalidRequest, missingField, shortened } from './responses-fault.ts';
import { decodeReasoning, sealFault } from './reasoning-decode.ts';
import { flatName } from './tool-forms.ts';

const messageFields: ReadonlySet<string> = new Set(['id', 'type', 'status', 'role', 'content', 'partial', 'name']);
const callFields: ReadonlySet<string> = new Set(['id', 'type', 'status', 'call_id', 'name', 'arguments', 'input', 'namespace']);
const outputFields: ReadonlySet<string> = new Set(['id', 'type', 'status', 'call_id', 'output', 'name']);

/**
 * The messages that items make: a run of reasoning, text and calls is one assistant message, and the results of its calls follow it
 * directly, wherever they stand among the items, since every other protocol wants them there. The last `inputCount` items are the
 * caller's new input, whose paths faults name. Throws `invalid_request` for a result without its call, a call without its
 * result, and sealed reasoning that does not open.
 */
export function decodeHistory(items: readonly JsonObject[], inputCount: number, seals: ThinkingSeals): Message[] {
  const reader = new HistoryReader(seals);
  const first = items.length - inputCount;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    // Of items from before this request no path would mean anything to its caller.
    if (item !== undefined) reader.read(item, index < first ? 'input' : `input.${index - first}`);
  }
  return reader.finish();
}

/**
 * How many messages the first items of a conversation make: its last calls may have their results behind them. Throws as `decodeHistory`
 * does, but for those.
 */
export function countMessages(items: readonly JsonObject[], seals: ThinkingSeals): number {
  const reader = new HistoryReader(seals);
  for (const item of items) reader.read(item, 'input');
  return reader.finish('taken').length;
}

/** One assistant message with the results of its calls; or any other message. */
type Entry = { readonly draft: AssistantDraft; readonly results: ToolMessage[] } | { readonly message: Message };
type DraftEntry = Extract<Entry, { draft: AssistantDraft }>;

class HistoryReader {
  readonly #seals: ThinkingSeals;
  readonly #entries: Entry[] = [];
  /** The assistant message that further items may still belong to. */
  #open: DraftEntry | undefined;
  /** The latest call of each id. */
  readonly #calls = new Map<string, DraftEntry>();
  readonly #waiting = new Map<string, string>();

  constructor(seals: ThinkingSeals) {
    this.#seals = seals;
  }

  /** `unanswered`: there are calls that may yet be answered. */
  finish(unanswered: 'refused' | 'taken' = 'refused'): Message[] {
    for (const [id, type] of this.#waiting) {
      // Cut off while it was written: it was never made, so that nobody can answer it.
      if (this.#calls.get(id)?.draft.dropCut(id) === true || unanswered === 'taken') continue;
      const kind = type === 'function_call' ? 'function call' : type.replaceAll('_', ' ');
      throw invalidRequest('input', `No tool output found for ${kind} ${shortened(id)}.`);
    }
    return this.#entries.flatMap((entry) => ('message' in entry ? [entry.message] : entry.draft.isEmpty ? [] : [entry.draft.message(), ...entry.results]));
  }

  read(item: JsonObject, field: string): void {
    const type = String(item['type']);
    switch (type) {
      case 'message':
        return this.#message(item, field);
      case 'reasoning': {
        const thinking = decodeReasoning(item, field, this.#seals);
        return this.#draft((draft) => draft.takesThinking(thinking)).draft.think(thinking);
      }
      case 'function_call':
      case 'custom_tool_call':
      case 'local_shell_call':
      case 'shell_call':
      case 'apply_patch_call':
        return this.#call(type, item, field);
      case 'function_call_output':
      case 'custom_tool_call_output':
      case 'shell_call_output':
      case 'local_shell_call_output':
      case 'apply_patch_call_output':
        return this.#result(type, item, field);
      case 'compaction':
        return this.#compaction(item, field);
      default:
        return this.#opaque(type, item);
    }
  }

  #message(item: JsonObject, field: string): void {
    const { role } = item;
    const name = typeof item['name'] === 'string' ? { name: item['name'] } : {};
    const extensions = responsesExtensions.of(item, messageFields);
    if (role === 'assistant') {
      const { draft } = this.#draft((each) => each.takesText);
      draft.say(item['content'], `${field}.content`, { ...name, ...extensions, ...(item['partial'] === true ? { partial: true as const } : {}) });
      return;
    }
    this.#open = undefined;
    const content = decodeContent(item['content'], `${field}.content`);
    if (role === 'user') this.#entries.push({ message: { role, content, ...name, ...extensions } });
    else this.#entries.push({ message: { role: 'system', content, ...(role === 'developer' ? { fromDeveloper: true as const } : {}), ...name, ...extensions } });
  }

  #call(type: string, item: JsonObject, field: string): void {
    const id = idOf(item);
    if (id === undefined) throw missingField(`${field}.call_id`);
    if (this.#waiting.has(id)) throw invalidRequest(`${field}.call_id`, `Duplicate call_id ${shortened(id)}: its earlier call has no output yet.`);
    const entry = this.#draft(() => true);
    entry.draft.call(callOf(type, id, item), item['status'] === 'incomplete');
    this.#calls.set(id, entry);
    this.#waiting.set(id, type);
  }

  #result(type: string, item: JsonObject, field: string): void {
    const id = idOf(item);
    if (id === undefined) throw missingField(`${field}.call_id`);
    const entry = this.#calls.get(id);
    if (entry === undefined) {
      const kind = type === 'function_call_output' ? 'function call output' : type.replaceAll('_', ' ');
      throw invalidRequest(field === 'input' ? field : `${field}.call_id`, `No tool call found for ${kind} with call_id ${shortened(id)}.`);
    }
    this.#waiting.delete(id);
    // What the model says after it has seen a result is a message of its own.
    if (this.#open === entry) this.#open = undefined;
    entry.results.push({ role: 'tool', toolCallId: id, content: resultOf(type, item, field), ...resultExtensions(type, item) });
  }

  #compaction(item: JsonObject, field: string): void {
    const sealed = item['encrypted_content'];
    const opened = typeof sealed === 'string' ? this.#seals.open(sealed, '') : undefined;
    if (opened === undefined) throw sealFault(item, field);
    this.#open = undefined;
    this.#entries.push({ message: { role: 'user', content: opened.text } });
  }

  /** An item that only this protocol understands stays where it was: with the model's words, or among the user's. */
  #opaque(type: string, item: JsonObject): void {
    const part: Part = { type: 'opaque', protocol: responsesExtensions.protocol, value: item };
    if (isOfModel(type)) return this.#draft((draft) => draft.takesText).draft.add(part);
    this.#open = undefined;
    this.#entries.push({ message: { role: 'user', content: [part] } });
  }

  /** The message that is being built, if it takes what comes now; else a new one. */
  #draft(takes: (draft: AssistantDraft) => boolean): DraftEntry {
    if (this.#open !== undefined && takes(this.#open.draft)) return this.#open;
    const entry: DraftEntry = { draft: new AssistantDraft(), results: [] };
    this.#entries.push(entry);
    this.#open = entry;
    return entry;
  }
}

function isOfModel(type: string): boolean {
  return type.endsWith('_call') || type === 'mcp_list_tools' || type === 'mcp_approval_request' || type === 'program';
}

/** `local_shell_call_output` may name its call by `id` alone. */
function idOf(item: JsonObject): string | undefined {
  const id = item['call_id'] ?? (item['type'] === 'local_shell_call_output' ? item['id'] : undefined);
  return typeof id === 'string' && id !== '' ? id : undefined;
}

function callOf(type: string, id: string, item: JsonObject): ToolCall {
  const native = nativeTool(type.slice(0, -'_call'.length));
  if (native !== undefined) return { id, kind: 'function', name: native.name, argumentsText: JSON.stringify(native.argumentsOf(item)) };
  const { namespace } = item;
  return {
    id,
    kind: 'function',
    name: flatName(typeof namespace === 'string' ? namespace : undefined, String(item['name'])),
    argumentsText: type === 'custom_tool_call' ? JSON.stringify({ input: item['input'] }) : String(item['arguments']),
    ...responsesExtensions.of(item, callFields),
  };
}

function resultOf(type: string, item: JsonObject, field: string): ToolMessage['content'] {
  const output: JsonValue = item['output'] ?? null;
  if (type === 'shell_call_output') return JSON.stringify(output);
  if (type === 'apply_patch_call_output') {
    const status = String(item['status']);
    return typeof output === 'string' && output !== '' ? `${status}: ${output}` : status;
  }
  return decodeContent(output, `${field}.output`);
}

/** What the forms of the native tools hold beside their result are settings of the client's, for OpenAI's models. */
function resultExtensions(type: string, item: JsonObject): ReturnType<(typeof responsesExtensions)['of']> {
  return type === 'function_call_output' || type === 'custom_tool_call_output' ? responsesExtensions.of(item, outputFields) : {};
}
