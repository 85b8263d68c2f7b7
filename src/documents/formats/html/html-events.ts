import { Tokenizer } from 'htmlparser2';

/** Attributes that readers ask for; the others are passed over. */
const wanted = new Set(['href', 'alt', 'hidden', 'style', 'colspan', 'rowspan', 'start', 'value', 'type', 'open', 'class']);
const attributeCharsMax = 4_000;

/** Attributes by name in lower case, without a prototype. */
export type HtmlAttributes = Readonly<Record<string, string>>;

/** Who is told of the tags and texts of a web page, as they stand: which of them belong together is not said. */
export interface HtmlHandler {
  /** `isClosed` if the tag closes itself, where the page's rules let it. */
  open(name: string, attributes: HtmlAttributes, isClosed: boolean): void;
  close(name: string): void;
  text(text: string): void;
  isDone(): boolean;
}

/**
 * Tells `handler` what a page holds. Entities are decoded by HTML's table; nothing is fetched. Only the tokenizer of htmlparser2 is used: its
 * parser moves the whole stack for each tag, which takes forever on a page that is nested a million levels deep.
 */
export function readHtmlEvents(page: string, isXhtml: boolean, handler: HtmlHandler): void {
  let name = '';
  let attributes: Record<string, string> = Object.create(null);
  let attribute = '';
  let value = '';
  const opened = (isClosed: boolean): void => {
    handler.open(name, attributes, isClosed);
    attributes = Object.create(null);
    if (handler.isDone()) tokenizer.pause();
  };
  const tokenizer = new Tokenizer({ recognizeSelfClosing: isXhtml }, {
    onopentagname: (start, end) => (name = page.slice(start, end).toLowerCase()),
    onopentagend: () => opened(false),
    onselfclosingtag: () => opened(isXhtml),
    onclosetag: (start, end) => handler.close(page.slice(start, end).toLowerCase()),
    onattribname: (start, end) => {
      attribute = page.slice(start, end).toLowerCase();
      value = '';
    },
    onattribdata: (start, end) => {
      if (wanted.has(attribute) && value.length < attributeCharsMax) value += page.slice(start, Math.min(end, start + attributeCharsMax));
    },
    onattribentity: (code) => {
      if (value.length < attributeCharsMax) value += String.fromCodePoint(code);
    },
    onattribend: () => {
      if (wanted.has(attribute)) attributes[attribute] ??= value;
    },
    ontext: (start, end) => handler.text(page.slice(start, end)),
    ontextentity: (code) => handler.text(String.fromCodePoint(code)),
    oncdata: (start, end, offset) => handler.text(page.slice(start, end - offset)),
    oncomment: () => {},
    ondeclaration: () => {},
    onprocessinginstruction: () => {},
    onend: () => {},
  });
  tokenizer.write(page);
  tokenizer.end();
}
