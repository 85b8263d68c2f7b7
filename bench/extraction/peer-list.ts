/** The libraries that ours are measured beside; installed at run time, never a dependency. */
export const peerVersions = {
  unpdf: '1.7.0', 'pdf-parse': '2.4.5', mammoth: '1.13.0', officeparser: '7.8.0', 'markitdown-ts': '0.0.10', '@e965/xlsx': '0.20.3', 'word-extractor': '1.0.4', 'html-to-text': '10.0.1',
} as const;

type Peer = keyof typeof peerVersions;

/** Who reads what, by the ending of the files. There is none for PPT among them. */
export const readersByFormat: Readonly<Record<string, readonly ('Moongate' | Peer)[]>> = {
  pdf: ['Moongate', 'unpdf', 'pdf-parse', 'officeparser'],
  docx: ['Moongate', 'mammoth', 'officeparser', 'markitdown-ts'],
  xlsx: ['Moongate', '@e965/xlsx', 'officeparser', 'markitdown-ts'],
  pptx: ['Moongate', 'officeparser'],
  odt: ['Moongate', 'officeparser'],
  ods: ['Moongate', '@e965/xlsx', 'officeparser'],
  odp: ['Moongate', 'officeparser'],
  rtf: ['Moongate', 'officeparser'],
  epub: ['Moongate', 'officeparser'],
  html: ['Moongate', 'html-to-text', 'officeparser', 'markitdown-ts'],
  doc: ['Moongate', 'word-extractor'],
  xls: ['Moongate', '@e965/xlsx'],
  ppt: ['Moongate'],
  csv: ['Moongate', '@e965/xlsx', 'markitdown-ts'],
  txt: ['Moongate', 'markitdown-ts'],
};
