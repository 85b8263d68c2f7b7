import { isJsonObject } from '../../base/json.ts';

/** A JSON text whose first and only field is the input, up to the beginning of its string. */
const opening = /^\s*\{\s*"input"\s*:\s*"/;
/** Longer than any such beginning that a model would write. */
const openingLengthMax = 64;

/**
 * The input of a free-form tool, from the arguments of the function that stands for it (`{"input": "…"}`), while they are written.
 * Arguments of any other form are taken when they are complete: some models forget the JSON and write the bare text.
 */
export class CustomInput {
  /** Arguments that have not been read yet. */
  #rest = '';
  /** All of them, as long as it is not clear of which form they are. */
  #unclear = '';
  #state: 'opening' | 'inside' | 'other' | 'closed' = 'opening';
  #text = '';

  /** The whole input so far. */
  get text(): string {
    return this.#text;
  }

  /** What `argumentsText` adds to the input; may be empty. */
  push(argumentsText: string): string {
    if (this.#state === 'opening') {
      this.#unclear += argumentsText;
      const match = opening.exec(this.#unclear);
      if (match === null) {
        if (this.#unclear.length > openingLengthMax) this.#state = 'other';
        return '';
      }
      this.#state = 'inside';
      this.#rest = this.#unclear.slice(match[0].length);
    } else if (this.#state === 'inside') {
      this.#rest += argumentsText;
    } else {
      if (this.#state === 'other') this.#unclear += argumentsText;
      return '';
    }
    return this.#take();
  }

  /** To be called once when the arguments are complete: what is still missing of the input. */
  end(): string {
    if (this.#state === 'inside' || this.#state === 'closed') return '';
    this.#text = inputOf(this.#unclear);
    return this.#text;
  }

  /** The part of the string that is complete: no half of an escape, and none of a character that two escapes make. */
  #take(): string {
    const end = stringEnd(this.#rest);
    const complete = end === undefined ? completeLength(this.#rest) : end;
    const text = unescaped(this.#rest.slice(0, complete));
    this.#rest = this.#rest.slice(complete);
    if (end !== undefined) this.#state = 'closed';
    this.#text += text;
    return text;
  }
}

/** Where the quote is that ends the string. */
function stringEnd(text: string): number | undefined {
  for (let index = text.indexOf('"'); index !== -1; index = text.indexOf('"', index + 1)) {
    if (!isEscape(text, index - 1)) return index;
  }
  return undefined;
}

/** How much of `text`, whose string has not ended, can be unescaped already. */
function completeLength(text: string): number {
  let length = text.length;
  const last = text.lastIndexOf('\\');
  if (last >= length - 6 && isEscape(text, last)) {
    const size = text[last + 1] === 'u' ? 6 : 2;
    if (last + size > length) length = last;
  }
  const before = length - 6;
  const isHighSurrogate = /^\\u[dD][89abAB]/.test(text.slice(Math.max(before, 0), length)) && isEscape(text, before);
  return isHighSurrogate ? before : length;
}

/** Does an escape begin at `index`: is it a backslash that no other one escapes? */
function isEscape(text: string, index: number): boolean {
  let first = index;
  while (first >= 0 && text[first] === '\\') first -= 1;
  return (index - first) % 2 === 1;
}

const controls: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', '/': '/' };

/** As JSON has it; what is no escape of JSON stands for itself. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (whole, code: string | undefined, character: string | undefined) =>
    code === undefined ? (controls[character ?? ''] ?? whole) : String.fromCharCode(Number.parseInt(code, 16)));
}

function inputOf(argumentsText: string): string {
  try {
    const parsed: unknown = JSON.parse(argumentsText);
    if (isJsonObject(parsed) && typeof parsed['input'] === 'string') return parsed['input'];
    return typeof parsed === 'string' ? parsed : argumentsText;
  } catch {
    return argumentsText;
  }
}
