import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../../tests/doubles/document-limits.ts';
import { chapter, epubOf } from '../../../../tests/documents/hostile/office-parts.ts';
import { readEpub } from './read-epub.ts';

const entries = [{ name: 'OEBPS/one.xhtml', data: chapter('<h1>One</h1>') }, { name: 'OEBPS/a b.xhtml', data: chapter('<p>two&nbsp;!</p>') }];
const protection = (algorithm: string, path: string): string => `<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData><e:EncryptionMethod Algorithm="${algorithm}"/><e:CipherData><e:CipherReference URI="${path}"/></e:CipherData></e:EncryptedData></encryption>`;

describe('an e-book', () => {
  it('has its chapters in the order of its spine, and says which are missing', async () => {
    const read = await readEpub(documentInput(epubOf({ items: [['1', 'one.xhtml'], ['2', 'a%20b.xhtml'], ['3', '../../../etc/passwd']], spine: ['2', '1', '3'], entries })));
    expect(read).toMatchObject({ title: 'Hostile', text: 'two !\n\n# One', notes: ['1 chapters are missing in the file.'] });
  });

  it('is encrypted if a chapter is; scrambled fonts are no matter', async () => {
    const book = (algorithm: string, path: string): Promise<{ text: string }> => readEpub(documentInput(epubOf({ items: [['1', 'one.xhtml']], spine: ['1'], entries: [...entries, { name: 'META-INF/encryption.xml', data: protection(algorithm, path) }] })));
    await expect(book('http://www.w3.org/2001/04/xmlenc#aes128-cbc', 'OEBPS/one.xhtml')).rejects.toMatchObject({ reason: 'encrypted' });
    expect((await book('http://www.idpf.org/2008/embedding', 'OEBPS/one.xhtml')).text).toBe('# One');
  });
});
