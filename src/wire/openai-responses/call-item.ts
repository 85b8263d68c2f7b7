import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { CustomInput } from './custom-input.ts';
import { type DeltaFrame, deltaFrame, type EventWriter } from './event-writer.ts';
import { idPrefix } from './input-items.ts';
import { nativeTool, type NativeTool } from './native-tools.ts';
import type { ItemStatus, OutputItem } from './output-item.ts';
import type { ResponsesStyle } from './responses-style.ts';
import type { ToolForm } from './tool-forms.ts';

/** A call that is written as it comes: of a function, or of a free-form tool. */
export interface CallItem extends OutputItem {
  open(): string;
  delta(argumentsText: string): string;
}

interface CallPlace {
  readonly style: ResponsesStyle;
  readonly writer: EventWriter;
  readonly outputIndex: number;
  readonly callId: string;
}

/** The item for a call of the tool that the neutral language calls `name`. */
export function callItem(place: CallPlace, name: string): CallItem {
  const form = place.style.toolForms.get(name) ?? { kind: 'function', name };
  if (form.kind === 'custom') return new CustomCallItem(place, form);
  const native = form.kind === 'native' ? nativeTool(form.name) : undefined;
  return native === undefined ? new FunctionCallItem(place, form) : new NativeCallItem(place, native);
}

class FunctionCallItem implements CallItem {
  readonly outputIndex: number;
  readonly #writer: EventWriter;
  readonly #id: string;
  readonly #head: JsonObject;
  readonly #name: string;
  readonly #frame: DeltaFrame;
  #arguments = '';
  #status: 'in_progress' | ItemStatus = 'in_progress';

  constructor({ style, writer, outputIndex, callId }: CallPlace, form: ToolForm) {
    this.outputIndex = outputIndex;
    this.#writer = writer;
    this.#id = style.newId('fc');
    this.#name = form.name;
    this.#head = { call_id: callId, name: form.name, ...namespaceOf(form) };
    this.#frame = deltaFrame('response.function_call_arguments.delta', { item_id: this.#id, output_index: outputIndex });
  }

  open(): string {
    return this.#writer.event('response.output_item.added', { output_index: this.outputIndex, item: this.item() });
  }

  delta(argumentsText: string): string {
    this.#arguments += argumentsText;
    return this.#writer.delta(this.#frame, argumentsText);
  }

  close(status: ItemStatus): string {
    this.#status = status;
    const done = { item_id: this.#id, output_index: this.outputIndex, name: this.#name, arguments: this.#arguments };
    return this.#writer.event('response.function_call_arguments.done', done) +
      this.#writer.event('response.output_item.done', { output_index: this.outputIndex, item: this.item() });
  }

  item(): JsonObject {
    return { id: this.#id, type: 'function_call', status: this.#status, ...this.#head, arguments: this.#arguments };
  }
}

class CustomCallItem implements CallItem {
  readonly outputIndex: number;
  readonly #writer: EventWriter;
  readonly #id: string;
  readonly #head: JsonObject;
  readonly #frame: DeltaFrame;
  readonly #input = new CustomInput();
  #status: 'in_progress' | ItemStatus = 'in_progress';

  constructor({ style, writer, outputIndex, callId }: CallPlace, form: ToolForm) {
    this.outputIndex = outputIndex;
    this.#writer = writer;
    this.#id = style.newId('ctc');
    this.#head = { call_id: callId, name: form.name, ...namespaceOf(form) };
    this.#frame = deltaFrame('response.custom_tool_call_input.delta', { item_id: this.#id, output_index: outputIndex });
  }

  open(): string {
    return this.#writer.event('response.output_item.added', { output_index: this.outputIndex, item: this.item() });
  }

  delta(argumentsText: string): string {
    return this.#said(this.#input.push(argumentsText));
  }

  close(status: ItemStatus): string {
    const rest = this.#said(this.#input.end());
    this.#status = status;
    return rest + this.#writer.event('response.custom_tool_call_input.done', { item_id: this.#id, output_index: this.outputIndex, input: this.#input.text }) +
      this.#writer.event('response.output_item.done', { output_index: this.outputIndex, item: this.item() });
  }

  item(): JsonObject {
    return { id: this.#id, type: 'custom_tool_call', status: this.#status, ...this.#head, input: this.#input.text };
  }

  #said(text: string): string {
    return text === '' ? '' : this.#writer.delta(this.#frame, text);
  }
}

/**
 * A call whose form holds the arguments taken apart, so that it is written when they are complete. Arguments that do not make one are
 * shown for what they are: a function call.
 */
class NativeCallItem implements CallItem {
  readonly outputIndex: number;
  readonly #place: CallPlace;
  readonly #native: NativeTool;
  readonly #type: string;
  readonly #id: string;
  #arguments = '';
  #item: JsonObject | undefined;

  constructor(place: CallPlace, native: NativeTool) {
    this.outputIndex = place.outputIndex;
    this.#place = place;
    this.#native = native;
    this.#type = `${native.name}_call`;
    this.#id = place.style.newId(idPrefix(this.#type));
  }

  open(): string {
    return '';
  }

  delta(argumentsText: string): string {
    this.#arguments += argumentsText;
    return '';
  }

  close(status: ItemStatus): string {
    const { writer, outputIndex, callId } = this.#place;
    const args = parsed(this.#arguments);
    const fields = args === undefined ? undefined : this.#native.itemFieldsOf(args);
    if (fields === undefined) return this.#closeAsFunction(status);
    const item: JsonObject = { id: this.#id, type: this.#type, status: 'in_progress', call_id: callId, ...fields };
    this.#item = { ...item, status };
    return writer.event('response.output_item.added', { output_index: outputIndex, item }) +
      writer.event('response.output_item.done', { output_index: outputIndex, item: this.#item });
  }

  item(): JsonObject {
    if (this.#item !== undefined) return this.#item;
    return { id: this.#id, type: 'function_call', status: 'in_progress', call_id: this.#place.callId, name: this.#native.name, arguments: this.#arguments };
  }

  #closeAsFunction(status: ItemStatus): string {
    const call = new FunctionCallItem(this.#place, { kind: 'native', name: this.#native.name });
    const text = call.open() + (this.#arguments === '' ? '' : call.delta(this.#arguments)) + call.close(status);
    this.#item = call.item();
    return text;
  }
}

function namespaceOf(form: ToolForm): JsonObject {
  return form.kind === 'native' || form.namespace === undefined ? {} : { namespace: form.namespace };
}

function parsed(argumentsText: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(argumentsText);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
