interface Field {
  instruction: string;
  isResult: boolean;
}

const nestedMax = 50;
const instructionCharsMax = 4_000;

/** Word's fields: an instruction, then what it came to. Only the latter is text; of the instruction, a link's address is worth keeping. */
export class DocxFields {
  readonly #open: Field[] = [];
  /** Fields nested beyond all measure: their ends must still be told from those of the others. */
  #uncounted = 0;

  /** Whether what is met now belongs to an instruction. */
  get isInstruction(): boolean {
    return this.#open.some((field) => !field.isResult);
  }

  begin(): void {
    if (this.#open.length < nestedMax) this.#open.push({ instruction: '', isResult: false });
    else this.#uncounted += 1;
  }

  instruction(text: string): void {
    const field = this.#open.at(-1);
    if (field !== undefined && !field.isResult && field.instruction.length < instructionCharsMax) field.instruction += text;
  }

  /** The result begins; gives the address if the field is a link to one. */
  separate(): string | undefined {
    const field = this.#open.at(-1);
    if (field === undefined || this.#uncounted > 0) return undefined;
    field.isResult = true;
    return linkOfInstruction(field.instruction);
  }

  /** A field ends; true if it was a link. */
  end(): boolean {
    if (this.#uncounted > 0) {
      this.#uncounted -= 1;
      return false;
    }
    const field = this.#open.pop();
    return field !== undefined && field.isResult && linkOfInstruction(field.instruction) !== undefined;
  }
}

/** The address in `HYPERLINK "https://…" \o "…"`; undefined if the field is none, or leads to a place within the document. */
export function linkOfInstruction(instruction: string): string | undefined {
  const text = instruction.trimStart();
  if (!/^hyperlink\b/i.test(text)) return undefined;
  const from = text.indexOf('"') + 1;
  const to = from === 0 ? -1 : text.indexOf('"', from);
  // `\l "place"` before the first quotation mark: the address is a bookmark.
  return to === -1 || text.slice(0, from).includes('\\l') ? undefined : text.slice(from, to);
}
