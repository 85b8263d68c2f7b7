/** The parts of a Word document that hold notes. */
export type NoteKind = 'footnotes' | 'endnotes' | 'comments';

const notesMax = 20_000;

/** Which notes the text refers to, by the labels that stand for them: footnotes and endnotes count together, comments by themselves. */
export class DocxNotes {
  readonly #labels = new Map<string, string>();
  #noteCount = 0;
  #commentCount = 0;

  /** The label of a note that the text refers to here; undefined beyond all measure. */
  label(kind: NoteKind, id: string): string | undefined {
    const key = `${kind} ${id}`;
    const known = this.#labels.get(key);
    if (known !== undefined || this.#labels.size >= notesMax) return known;
    const label = kind === 'comments' ? `comment-${(this.#commentCount += 1)}` : String((this.#noteCount += 1));
    this.#labels.set(key, label);
    return label;
  }

  /** The label of a note that the text has referred to; undefined if it never did. */
  known(kind: NoteKind, id: string): string | undefined {
    return this.#labels.get(`${kind} ${id}`);
  }
}
