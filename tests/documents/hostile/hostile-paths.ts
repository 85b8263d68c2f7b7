import type { Bait, HostileFile } from './hostile-file.ts';
import { chapter, docxOf, epubOf, paragraph, wordDocument } from './office-parts.ts';

/** Archives that lead out of themselves, and names that lead out of a folder. */
export function hostilePaths({ escapePath, file }: Bait): readonly HostileFile[] {
  const upwards = `${'../'.repeat(30)}${escapePath.slice(1)}`;
  const short = docxOf(wordDocument(paragraph('short')));
  const named = (filename: string, attack: string): HostileFile => ({ filename, attack, outcome: 'harmless', says: 'short', make: () => short });
  return [
    {
      filename: 'slip.docx', attack: 'entries named ../../…, absolute, and with backslashes', outcome: 'harmless',
      make: () => docxOf(wordDocument(paragraph('short')), [upwards, escapePath, upwards.replaceAll('/', '\\'), `word/${upwards}`].map((name) => ({ name, data: 'escaped' }))),
    },
    {
      filename: 'slip.epub', attack: 'chapters named ../../… in archive and manifest', outcome: 'harmless',
      make: () => epubOf({ items: [['a', upwards], ['b', `file://${file}`], ['c', file]], spine: ['a', 'b', 'c'], entries: [{ name: upwards, data: chapter('<p>escaped</p>') }] }),
    },
    { filename: 'symlink.docx', attack: 'its document is a symbolic link to a file of the machine', outcome: 'harmless', make: () => docxOf({ name: 'word/document.xml', data: file, mode: 0o120777 }) },
    { filename: 'nul.docx', attack: 'an entry whose name has a NUL', outcome: 'harmless', make: () => docxOf(wordDocument(paragraph('short')), [{ name: 'word/a\0b.xml', data: 'x' }]) },
    { filename: 'long-names.docx', attack: 'entry names of 60,000 bytes', outcome: 'harmless', make: () => docxOf(wordDocument(paragraph('short')), [1, 2, 3].map((index) => ({ name: `word/${'n'.repeat(60_000)}${index}`, data: 'x' }))) },
    named(`${'n'.repeat(300)}.docx`, 'a name of 300 bytes'),
    named('tax\u202exslx.docx', 'a name that shows another ending (right-to-left override)'),
    named('CON', 'a name that is a device elsewhere'),
    named('../../../etc/cron.d/x.docx', 'a name with a path'),
    named('C:\\autoexec.docx', 'a name with a drive'),
    named('a\0.png.docx', 'a name with a NUL'),
    named('a\r\nContent-Length: 0\r\n\r\n.docx', 'a name with line ends'),
    named('', 'no name'),
    named('$(touch x);`touch x`.docx', 'a name that a shell would run'),
    named('--version', 'a name that is an option'),
  ];
}
