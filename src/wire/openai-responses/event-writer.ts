import type { JsonObject } from '../../base/json.ts';
import type { ResponsesStyle } from './responses-style.ts';

/** The parts of a delta event that stay the same throughout its item, written once, since an event is written for every token. */
export interface DeltaFrame {
  readonly type: string;
  /** Up to the sequence number. */
  readonly head: string;
  /** From the sequence number up to the delta. */
  readonly middle: string;
  /** From the delta to the end of the object. */
  readonly end: string;
}

/** One event as it stands in a stream: of those that `ResponsesStyle.onEvent` was told, to be replayed. */
export function eventFrame(type: string, json: string): string {
  return `event: ${type}\ndata: ${json}\n\n`;
}

/**
 * Writes events as server-sent events whose `event` is their type and whose sequence numbers are contiguous, from 0. An event is
 * whole in one text. JSON holds no line ends, so that the data is one line.
 */
export class EventWriter {
  readonly #onEvent: ResponsesStyle['onEvent'];
  readonly #obfuscate: ResponsesStyle['obfuscate'];
  #next = 0;

  constructor(style: Pick<ResponsesStyle, 'onEvent' | 'obfuscate'>) {
    this.#onEvent = style.onEvent?.bind(style);
    this.#obfuscate = style.obfuscate?.bind(style);
  }

  /** The number of the last event; -1 before the first. */
  get lastSequenceNumber(): number {
    return this.#next - 1;
  }

  event(type: string, fields: JsonObject): string {
    const number = this.#next;
    this.#next += 1;
    const json = JSON.stringify({ type, sequence_number: number, ...fields });
    this.#onEvent?.(number, type, json);
    return eventFrame(type, json);
  }

  delta(frame: DeltaFrame, text: string): string {
    const number = this.#next;
    this.#next += 1;
    const padding = this.#obfuscate === undefined ? '' : `,"obfuscation":${JSON.stringify(this.#obfuscate(text))}`;
    const json = `${frame.head}${number}${frame.middle}${JSON.stringify(text)}${padding}${frame.end}`;
    this.#onEvent?.(number, frame.type, json);
    return eventFrame(frame.type, json);
  }
}

/** The frame of the deltas of one item. `place`: what says where they belong; `rest`: what else they hold. */
export function deltaFrame(type: string, place: JsonObject, rest: JsonObject = {}): DeltaFrame {
  const after = JSON.stringify(rest).slice(1);
  return {
    type,
    head: `{"type":${JSON.stringify(type)},"sequence_number":`,
    middle: `,${JSON.stringify(place).slice(1, -1)},"delta":`,
    end: after === '}' ? after : `,${after}`,
  };
}
