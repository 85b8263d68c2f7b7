import type { Part } from './message.ts';

/** What a document says, as a piece of a prompt: under its name, so that the model can tell several apart. */
export function documentText(text: string, filename: string | undefined): string {
  return filename === undefined ? text : `${filename}:\n${text}`;
}

/** What a part says in words; undefined: it is not made of words, or nobody has read it. */
export function spokenText(part: Part): string | undefined {
  if (part.type === 'text') return part.text;
  return part.type === 'file' && part.text !== undefined ? documentText(part.text, part.filename) : undefined;
}
