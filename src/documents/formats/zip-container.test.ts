import { describe, expect, it } from 'vitest';
import { documentInput } from '../../../tests/doubles/document-limits.ts';
import { rawZip } from '../../../tests/documents/hostile/raw-zip.ts';
import { openZip } from './zip-container.ts';

describe('a zip container', () => {
  it('gives what its entries hold, by names in any case', async () => {
    const zip = await openZip(documentInput(rawZip([{ name: 'Word/Document.xml', data: 'text' }, { name: 'folder/', data: '' }, { name: 'stored', data: 'as it is', stored: true }])));
    expect(zip.names).toEqual(['Word/Document.xml', 'stored']);
    expect(String(await zip.bytes('word/document.XML'))).toBe('text');
    expect(String(await zip.bytes('stored'))).toBe('as it is');
    expect(await zip.bytes('none')).toBeUndefined();
  });

  it('counts all that is unpacked against one limit, whichever entries it comes from', async () => {
    const zip = await openZip(documentInput(rawZip([{ name: 'a', data: 'x'.repeat(600) }]), 'a.docx', { unpackedBytesMax: 1_000 }));
    expect((await zip.bytes('a'))?.length).toBe(600);
    await expect(zip.bytes('a')).rejects.toMatchObject({ reason: 'too-large' });
  });

  it.each([
    ['an entry that is larger than it says', rawZip([{ name: 'a', data: 'x'.repeat(1_000), claimedBytes: 10 }]), 'damaged'],
    ['an entry that is smaller than it says', rawZip([{ name: 'a', data: 'x', claimedBytes: 10 }]), 'damaged'],
    ['an entry that is no deflate', rawZip([{ name: 'a', data: 'x', compressed: Buffer.from('not deflated at all') }]), 'damaged'],
    ['an entry with a password', rawZip([{ name: 'a', data: 'x', flags: 0x801 }, { name: 'b', data: 'x' }]), 'encrypted'],
  ])('refuses %s', async (_, bytes, reason) => {
    const zip = await openZip(documentInput(bytes));
    await expect(zip.bytes('a')).rejects.toMatchObject({ name: 'UnreadableDocument', reason });
  });

  it.each([
    ['no zip', Buffer.from('plain text'), 'damaged'],
    ['a zip that is cut short', rawZip([{ name: 'a', data: 'x' }]).subarray(0, 40), 'damaged'],
    ['an entry that would leave its folder', rawZip([{ name: '../../etc/passwd', data: 'x' }]), 'damaged'],
    ['passwords on all entries', rawZip([{ name: 'a', data: 'x', flags: 0x801 }]), 'encrypted'],
    ['what Office makes of a document with a password', Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'encrypted'],
    ['too many entries', rawZip(Array.from({ length: 21 }, (__, index) => ({ name: `e${index}`, data: '' }))), 'too-large'],
  ])('is not opened for %s', async (_, bytes, reason) => {
    await expect(openZip(documentInput(bytes, 'a.docx', { entriesMax: 20 }))).rejects.toMatchObject({ name: 'UnreadableDocument', reason });
  });
});
