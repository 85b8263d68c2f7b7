import type { FormatReader } from '../format-reader.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import { readDrawnParts } from '../ooxml/drawn-parts.ts';
import type { OoxmlPackage } from '../ooxml/ooxml-package.ts';
import { openOoxml } from '../ooxml/ooxml-package.ts';
import type { SlidePage } from '../slide-page.ts';
import { SlidePages } from '../slide-page.ts';
import type { XmlHandler } from '../xml-events.ts';
import { SlideText } from './slide-text.ts';

const slidesMax = 10_000;

/**
 * Reads a presentation (PPTX, PPTM, PPSX, POTX): each slide in the order of the show, under its title, with its tables, charts, SmartArt, speaker's
 * notes and comments; hidden slides are marked. Throws `UnreadableDocument`.
 */
export const readPptx: FormatReader = async (input) => {
  const document = await openOoxml(input);
  const main = (await document.parts('', 'officeDocument'))[0] ?? 'ppt/presentation.xml';
  if (!document.zip.has(main)) throw new UnreadableDocument('damaged', 'the document is damaged: it has no presentation part; save it anew and send it again');
  const writer = new MarkdownWriter(input.limits.textCharsMax);
  const relationships = await document.relationships(main);
  const pages = new SlidePages(writer);
  const slides = await slideIds(document, main);
  for (const [index, id] of slides.entries()) {
    if (writer.isFull) break;
    const part = relationships.get(id);
    if (part !== undefined && !part.isExternal) pages.write(await readSlide(document, part.target, index + 1));
  }
  const { text, notes } = writer.finish();
  const title = await document.title();
  return { ...(title === undefined ? {} : { title }), text, pageCount: slides.length, notes: [...notes, ...document.faultNotes()] };
};

async function slideIds(document: OoxmlPackage, main: string): Promise<string[]> {
  const ids: string[] = [];
  await document.read(main, {
    open: (name, attributes) => {
      if (name === 'p:sldId' && ids.length < slidesMax) ids.push(attributes['r:id'] ?? '');
    },
    close: () => {},
    text: () => {},
  });
  return ids;
}

async function readSlide(document: OoxmlPackage, part: string, number: number): Promise<SlidePage> {
  const content = await readContent(document, part, false);
  const notes: string[] = [];
  for (const page of await document.parts(part, 'notesSlide')) notes.push((await readContent(document, page, true)).text);
  const comments: string[] = [];
  for (const list of await document.parts(part, 'comments')) comments.push(...(await readComments(document, list)));
  return { ...content, number, notes: notes.join('\n\n').trim(), comments };
}

async function readContent(
  document: OoxmlPackage, part: string, isNotes: boolean,
): Promise<{ readonly title: string; readonly text: string; readonly footer: string; readonly isHidden: boolean }> {
  const writer = new MarkdownWriter(document.limits.textCharsMax);
  const slide = new SlideText({
    writer, isNotes, relationships: await document.relationships(part), drawn: isNotes ? new Map() : await readDrawnParts(document, part),
  });
  let isHidden = false;
  await document.read(part, {
    open: (name, attributes) => {
      if (name === 'p:sld') isHidden = ['0', 'false'].includes(attributes['show'] ?? '1');
      slide.open(name, attributes);
    },
    close: (name) => slide.close(name),
    text: (text) => slide.text(text),
    isDone: () => slide.isDone(),
  });
  return { title: slide.title, text: writer.finish().text, footer: slide.footer, isHidden };
}

/** The comments on a slide, of both kinds that PowerPoint has had. */
async function readComments(document: OoxmlPackage, part: string): Promise<string[]> {
  const comments: string[] = [];
  let text = '';
  let isText = false;
  const handler: XmlHandler = {
    open: (name) => {
      if (name === 'p:text' || name === 'a:t') isText = true;
    },
    close: (name) => {
      if (name === 'p:text' || name === 'a:t') isText = false;
      if ((name !== 'p:text' && name !== 'a:p') || text.trim() === '') return;
      comments.push(text.trim());
      text = '';
    },
    text: (piece) => {
      if (isText) text += piece;
    },
  };
  await document.read(part, handler);
  return comments;
}
