import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

const commentsMax = 20_000;

/** The comments of a sheet by the names of their cells (ECMA-376 part 1, 18.7). */
export class SheetComments implements XmlHandler {
  readonly comments: { readonly name: string; text: string }[] = [];
  readonly #authors: string[] = [];
  #isText = false;
  #isAuthor = false;

  open(name: string, attributes: XmlAttributes): void {
    if (name === 'author') {
      this.#authors.push('');
      this.#isAuthor = true;
    } else if (name === 'comment' && this.comments.length < commentsMax) {
      this.comments.push({ name: attributes['ref'] ?? '', text: '' });
      this.#begin(this.#authors[Number(attributes['authorId'])] ?? '');
    } else if (name === 't') this.#isText = true;
  }

  close(name: string): void {
    if (name === 'author') this.#isAuthor = false;
    else if (name === 't') this.#isText = false;
  }

  text(text: string): void {
    const comment = this.comments.at(-1);
    if (this.#isAuthor) this.#authors[this.#authors.length - 1] += text;
    else if (this.#isText && comment !== undefined) comment.text += text;
  }

  /** The author stands before the comment, unless it says so itself as Excel writes it. */
  #begin(author: string): void {
    const comment = this.comments.at(-1);
    if (comment !== undefined && author !== '' && !author.startsWith('tc=')) comment.text = `${author}: `;
  }
}
