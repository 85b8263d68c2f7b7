import { describe, expect, it } from 'vitest';
import { readXml } from './xml-events.ts';

const namespaces = { 'urn:word': 'w', 'urn:other': 'o' };

async function told(source: string | Buffer, depthMax = 50, chunkBytes = 7): Promise<{ events: string[]; faults: number }> {
  const bytes = Buffer.from(source);
  const events: string[] = [];
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const faults = await readXml(chunks(), { namespaces, depthMax }, {
    open: (name, attributes) => events.push(`<${name}${Object.entries(attributes).filter(([key]) => !key.startsWith('xmlns')).map(([key, value]) => ` ${key}=${value}`).join('')}`),
    close: (name) => events.push(`/${name}`),
    text: (text) => events.push(text),
  });
  return { events: events.reduce<string[]>((all, one) => (/^[</]/.test(one) || /^[</]/.test(all.at(-1) ?? '<') ? [...all, one] : [...all.slice(0, -1), all.at(-1) + one]), []), faults };
}

describe('XML events', () => {
  it('name elements by the prefixes of the reader, whichever the document has', async () => {
    expect((await told('<w:a xmlns:w="urn:word" w:x="1"><w:b/></w:a>')).events).toEqual(['<w:a w:x=1', '<w:b', '/w:b', '/w:a']);
    expect((await told('<a xmlns="urn:word" xmlns:q="urn:other" q:x="1" y="2"><q:b/></a>')).events).toEqual(['<w:a o:x=1 y=2', '<o:b', '/o:b', '/w:a']);
    // A prefix of ours for a namespace that is not ours, and only within its element.
    expect((await told('<r xmlns:w="urn:foreign"><w:a/><w:a xmlns:w="urn:word"/></r>')).events).toEqual(['<r', '<_:a', '/_:a', '<w:a', '/w:a', '/r']);
  });

  it('are the same however the bytes are cut, in UTF-8, UTF-16 and what is declared', async () => {
    const source = '<?xml version="1.0" encoding="UTF-16"?><a>Größe 你好 𠮷</a>';
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(source, 'utf16le')]);
    for (const size of [1, 3, 1_000]) {
      expect((await told('<a>Größe 你好 𠮷</a>', 50, size)).events).toEqual(['<a', 'Größe 你好 𠮷', '/a']);
      expect((await told(utf16, 50, Math.max(2, size))).events).toEqual(['<a', 'Größe 你好 𠮷', '/a']);
    }
    const cyrillic = Buffer.concat([Buffer.from('<?xml version="1.0" encoding="windows-1251"?><a>'), Buffer.from([0xcf, 0xf0, 0xe8]), Buffer.from('</a>')]);
    expect((await told(cyrillic, 50, 1_000)).events).toEqual(['<a', 'При', '/a']);
  });

  it('leave entities of the document as they are written, and open nothing', async () => {
    const laughs = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY l "ha"><!ENTITY m "&l;&l;&l;">]><a>&m;&x;&amp;</a>';
    expect((await told(laughs)).events).toEqual(['<a', '&m;&x;&', '/a']);
  });

  it('close what a document that ends too early has left open', async () => {
    const { events, faults } = await told('<a><b>text</b><c>more');
    expect(events).toEqual(['<a', '<b', 'text', '/b', '<c', 'more', '/c', '/a']);
    expect(faults).toBeGreaterThan(0);
  });

  it('end where it is nested too deeply, or is not XML', async () => {
    await expect(told(`${'<a>'.repeat(51)}`)).rejects.toMatchObject({ reason: 'too-large' });
    await expect(told('<a>' + '<'.repeat(5_000))).rejects.toMatchObject({ reason: 'damaged' });
  });
});
