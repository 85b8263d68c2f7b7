/** What a model double answers, in nobody's protocol. */
export interface ScriptedReply {
  readonly thinking?: string;
  readonly text?: string;
  /** The model's own words for that it will not. */
  readonly refusal?: string;
  readonly calls?: readonly ScriptedCall[];
  /** Absent: `tool-calls` where there are calls, else `stop`. */
  readonly finish?: 'length' | 'content-filter';
  /** `refused` and `overloaded` come in place of an answer; `broken` comes in mid-stream, or in place of a whole answer with status 200. */
  readonly fault?: 'refused' | 'overloaded' | 'broken';
  /** Says its text and then nothing more: keeps the connection open, or closes it in mid-stream. */
  readonly stops?: 'hanging' | 'cut';
  /** Leaves the usage out. */
  readonly uncounted?: true;
}

export interface ScriptedCall {
  readonly id: string;
  readonly name: string;
  readonly argumentsText: string;
}

/** Of every scripted reply, as one protocol's overlapping totals would have them: 20 of the prompt's 50 came from a cache, 10 of the output's 30 were thinking. */
export const scriptedUsage = { prompt: 50, cached: 20, output: 30, thinking: 10 } as const;

/** What an upstream that proves its thinking gives beside it, and wants back. */
export const scriptedProof = 'cHJvb2Ygb2YgdGhlIHVwc3RyZWFt';

/** What it says when it refuses a request. */
export const refusedWords = 'the double does not like this request';

/** How a protocol says a reply. */
export interface Speech {
  readonly path: string;
  /** A whole stream, up to where a fault or a stop wants it. */
  stream(reply: ScriptedReply): string;
  whole(reply: ScriptedReply): unknown;
  error(fault: 'refused' | 'overloaded'): { readonly status: number; readonly body: unknown };
}

/** `text` in pieces of five characters, as models write. */
export function pieces(text: string): string[] {
  const characters = [...text];
  return Array.from({ length: Math.ceil(characters.length / 5) }, (_none, index) => characters.slice(index * 5, index * 5 + 5).join(''));
}

/** The pieces of several texts, by turns: parallel calls are written like this. */
export function byTurns(texts: readonly string[]): { readonly index: number; readonly piece: string }[] {
  const lists = texts.map(pieces);
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_none, at) => lists.flatMap((list, index) => (list[at] === undefined ? [] : [{ index, piece: list[at] }]))).flat();
}
