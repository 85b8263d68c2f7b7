import type { Protocol } from '../../../src/dialogue/protocol.ts';

export type Json = Readonly<Record<string, unknown>>;

/** What is asked in one turn, in nobody's protocol. */
export interface Turn {
  readonly model: string;
  readonly stream: boolean;
  readonly system?: string;
  readonly tools?: readonly { readonly name: string; readonly description: string; readonly parameters: Json }[];
  readonly schema?: Json;
  readonly outputTokensMax?: number;
}

export interface ToolResult {
  readonly id: string;
  readonly text: string;
  /** A `data:` URL. */
  readonly image?: string;
}

export interface HeardCall {
  readonly id: string;
  readonly name: string;
  readonly argumentsText: string;
}

/** What a client has in hand at the end of a turn. */
export interface Heard {
  readonly thinking: string;
  readonly text: string;
  readonly refusal: string;
  readonly calls: readonly HeardCall[];
  readonly finish: 'stop' | 'length' | 'tool-calls' | 'content-filter' | undefined;
  readonly usage: { readonly prompt: number; readonly cached: number; readonly output: number; readonly thinking: number } | undefined;
  readonly error: { readonly type: string; readonly message: string } | undefined;
  /** The model's turn as this client keeps it in its history. */
  readonly kept: readonly Json[];
}

/**
 * A client of one surface, written by hand from the reference: it shares no code with the product, so that both cannot be wrong
 * together. The readers throw when the events come in an order that the vendors' SDKs would not take.
 */
export interface SurfaceClient {
  readonly protocol: Protocol;
  readonly path: string;
  user(text: string): Json;
  /** The results of the last turn's calls. */
  results(results: readonly ToolResult[]): readonly Json[];
  body(turn: Turn, history: readonly Json[]): Json;
  whole(reply: Json): Heard;
  /** `anyOrder`: the model may think, speak and call by turns; else it does so in this order, as Kimi does. */
  stream(text: string, anyOrder?: boolean): Heard;
  /** What an error body says. */
  errorOf(body: Json): { readonly type: string; readonly message: string };
}

/** Frames of an event stream: the `event:` line, if there is one, and the data. Comments are left out. */
export function framesOf(text: string): { readonly event: string | undefined; readonly data: string }[] {
  if (text !== '' && !text.endsWith('\n\n')) throw new Error('the stream breaks off inside an event');
  return text.split('\n\n').flatMap((frame) => {
    const lines = frame.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
    if (lines.length === 0) return [];
    const event = lines.find((line) => line.startsWith('event: '))?.slice('event: '.length);
    return [{ event, data: lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice('data: '.length)).join('\n') }];
  });
}

/** Fails the test unless `held`. */
export function must(held: boolean, what: string): asserts held {
  if (!held) throw new Error(what);
}
