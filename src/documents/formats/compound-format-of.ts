import { UnreadableDocument } from './format-reader.ts';

type CompoundFormat = 'doc' | 'xls' | 'ppt';

const headerBytes = 512;
const entryBytes = 128;
const endOfChain = 0xffff_fffa;
/** Of the directory: no document of Office has more by far. */
const sectorsMax = 2000;

const byStream: Readonly<Record<string, CompoundFormat>> = { WordDocument: 'doc', Workbook: 'xls', Book: 'xls', 'PowerPoint Document': 'ppt' };
const byEnding: Readonly<Record<string, CompoundFormat>> = { doc: 'doc', dot: 'doc', xls: 'xls', xlt: 'xls', ppt: 'ppt', pps: 'ppt', pot: 'ppt' };

/**
 * What a compound file ([MS-CFB], the container of Office 97 to 2003) is, by the streams in its root; a document embedded in it
 * has its streams deeper. Throws `UnreadableDocument`: `encrypted` for an OOXML document behind a password, which is wrapped into one.
 */
export function compoundFormatOf(buffer: Buffer, ending: string): CompoundFormat {
  const names = rootNames(buffer);
  if (names === undefined) throw new UnreadableDocument('damaged', 'the document is cut short or damaged: its list of contents cannot be read; save it anew and send it again');
  if (names.includes('EncryptedPackage')) throw new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
  const found = names.flatMap((name) => byStream[name] ?? []);
  const named = byEnding[ending];
  const format = named !== undefined && found.includes(named) ? named : found[0];
  if (format === undefined) throw new UnreadableDocument('unsupported', 'the file is no document of Word, Excel or PowerPoint');
  return format;
}

/** Names of what lies directly in the root; undefined when the directory cannot be read. */
function rootNames(buffer: Buffer): readonly string[] | undefined {
  if (buffer.length < headerBytes) return undefined;
  const sectorBytes = 1 << Math.min(12, Math.max(7, buffer.readUInt16LE(30)));
  const entries: Buffer[] = [];
  let sector = buffer.readUInt32LE(48);
  for (let count = 0; sector < endOfChain && count < sectorsMax; count += 1) {
    const at = (sector + 1) * sectorBytes;
    if (at + sectorBytes > buffer.length) break;
    for (let place = at; place < at + sectorBytes; place += entryBytes) entries.push(buffer.subarray(place, place + entryBytes));
    sector = nextSector(buffer, sector, sectorBytes);
  }
  const root = entries[0];
  return root === undefined ? undefined : childNames(entries, root.readUInt32LE(76));
}

/** By the allocation table, the sectors of which the header lists. */
function nextSector(buffer: Buffer, sector: number, sectorBytes: number): number {
  const perSector = sectorBytes / 4;
  const tableIndex = Math.floor(sector / perSector);
  if (tableIndex >= 109) return endOfChain;
  const at = (buffer.readUInt32LE(76 + 4 * tableIndex) + 1) * sectorBytes + 4 * (sector % perSector);
  return at + 4 <= buffer.length ? buffer.readUInt32LE(at) : endOfChain;
}

/** Siblings are a tree: each entry names one to its left and one to its right. */
function childNames(entries: readonly Buffer[], first: number): readonly string[] {
  const names: string[] = [];
  const seen = new Set<number>();
  const open = [first];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const entry = entries[index];
    if (entry === undefined || seen.has(index)) continue;
    seen.add(index);
    const nameBytes = Math.min(64, entry.readUInt16LE(64));
    names.push(entry.toString('utf16le', 0, Math.max(0, nameBytes - 2)));
    open.push(entry.readUInt32LE(68), entry.readUInt32LE(72));
  }
  return names;
}
