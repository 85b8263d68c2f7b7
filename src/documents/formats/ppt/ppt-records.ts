/** One record of a PowerPoint stream, with what it holds ([MS-PPT] 2.3.1). */
export interface PptRecord {
  readonly type: number;
  readonly instance: number;
  readonly isContainer: boolean;
  readonly data: Buffer;
}

export const pptTypes = {
  document: 0x03e8, slide: 0x03ee, slideAtom: 0x03ef, notes: 0x03f0, slidePersist: 0x03f3, slideShowInfo: 0x03f9, drawing: 0x040c, placeholder: 0x0bc3, outlineText: 0x0f9e,
  textHeader: 0x0f9f, textChars: 0x0fa0, textStyle: 0x0fa1, textBytes: 0x0fa8, slideList: 0x0ff0, userEdit: 0x0ff5, persistDirectory: 0x1772,
  group: 0xf003, shape: 0xf004, textBox: 0xf00d, childAnchor: 0xf00f, clientData: 0xf011, tertiaryOptions: 0xf122,
} as const;

/** The record at a place; undefined if none fits there. */
export function pptRecord(stream: Buffer, at: number): PptRecord | undefined {
  if (at < 0 || at + 8 > stream.length) return undefined;
  const version = stream.readUInt16LE(at);
  return {
    type: stream.readUInt16LE(at + 2), instance: version >> 4, isContainer: (version & 15) === 15,
    data: stream.subarray(at + 8, Math.min(at + 8 + stream.readUInt32LE(at + 4), stream.length)),
  };
}

/** The records that stand one after the other in what another holds. */
export function* pptRecords(data: Buffer): Generator<PptRecord> {
  for (let at = 0; at + 8 <= data.length;) {
    const record = pptRecord(data, at);
    if (record === undefined) return;
    yield record;
    at += 8 + data.readUInt32LE(at + 4);
  }
}
