import type { FormatInput, FormatLimits } from '../format-reader.ts';
import type { XmlHandler } from '../xml-events.ts';
import { readXml } from '../xml-events.ts';
import type { ZipContainer } from '../zip-container.ts';
import { openZip } from '../zip-container.ts';
import { ooxmlNamespaces } from './ooxml-namespaces.ts';

/** What one part says of another. */
export interface Relationship {
  /** The last word of its type: `hyperlink`, `footnotes`, `slide` … */
  readonly type: string;
  /** The name of a part, or an address outside if `isExternal`. */
  readonly target: string;
  readonly isExternal: boolean;
}

/** The parts of a DOCX, XLSX or PPTX, and what they say of each other (ECMA-376, part 2). What is external is never fetched. */
export class OoxmlPackage {
  readonly zip: ZipContainer;
  readonly limits: FormatLimits;
  readonly #relationships = new Map<string, ReadonlyMap<string, Relationship>>();

  /** Faults in the XML of its parts that were passed over. */
  #faults = 0;

  constructor(zip: ZipContainer, limits: FormatLimits) {
    this.zip = zip;
    this.limits = limits;
  }

  /** Tells `handler` what a part holds; nothing if there is no such part. */
  async read(part: string | undefined, handler: XmlHandler): Promise<void> {
    if (part === undefined || !this.zip.has(part)) return;
    const found = await readXml(this.zip.chunks(part), { namespaces: ooxmlNamespaces, depthMax: this.limits.depthMax }, handler);
    this.#faults += found;
  }

  /** What a part refers to, by the ids that it uses; those of the package itself for ''. */
  async relationships(part: string): Promise<ReadonlyMap<string, Relationship>> {
    const known = this.#relationships.get(part);
    if (known !== undefined) return known;
    const found = new Map<string, Relationship>();
    const slash = part.lastIndexOf('/') + 1;
    await this.read(`${part.slice(0, slash)}_rels/${part.slice(slash)}.rels`, {
      open: (name, attributes) => {
        if (name !== 'Relationship') return;
        const isExternal = attributes['TargetMode'] === 'External';
        const target = attributes['Target'] ?? '';
        const type = attributes['Type'] ?? '';
        found.set(attributes['Id'] ?? '', {
          type: type.slice(type.lastIndexOf('/') + 1), target: isExternal ? target : partName(part.slice(0, slash), target), isExternal,
        });
      },
      close: () => {},
      text: () => {},
    });
    this.#relationships.set(part, found);
    return found;
  }

  /** The parts of a type that a part refers to, in the order in which they are listed. */
  async parts(from: string, type: string): Promise<string[]> {
    return [...(await this.relationships(from)).values()].filter((to) => to.type === type && !to.isExternal).map((to) => to.target);
  }

  /** What a reader should know of the document's parts. */
  faultNotes(): string[] {
    return this.#faults === 0 ? [] : ['The document is damaged in places; what could be read of it is here.'];
  }

  /** The document's own title, if it has one. */
  async title(): Promise<string | undefined> {
    const part = (await this.parts('', 'core-properties'))[0] ?? 'docProps/core.xml';
    let title = '';
    let isTitle = false;
    await this.read(part, {
      open: (name) => (isTitle = name === 'dc:title'),
      close: () => (isTitle = false),
      text: (text) => {
        if (isTitle && title.length < 1_000) title += text;
      },
    });
    return title.trim() === '' ? undefined : title.trim().slice(0, 1_000);
  }
}

/** Opens an Office Open XML document. Throws `UnreadableDocument`. */
export async function openOoxml(input: FormatInput): Promise<OoxmlPackage> {
  return new OoxmlPackage(await openZip(input), input.limits);
}

/** A target as the name of a part: it is relative to the folder of the part that names it. */
function partName(folder: string, target: string): string {
  const parts: string[] = [];
  for (const part of (target.startsWith('/') ? target : folder + target).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
