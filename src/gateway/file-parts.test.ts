import { describe, expect, it } from 'vitest';
import { Fault } from '../base/fault.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { Part } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { storedFileUrl } from '../dialogue/stored-file-url.ts';
import type { StoredFile } from '../documents/stored-file.ts';
import { FileParts, needsFiles } from './file-parts.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const png = Buffer.from('89504e470d0a1a0a0000', 'hex');
const idOf = (digit: string): StoredFile['id'] => `file_${digit.repeat(32)}`;
const urlOf = (digit: string): string => storedFileUrl(idOf(digit));

function fileOf(digit: string, filename: string, bytes = 10): StoredFile {
  return { id: idOf(digit), scope, filename, purpose: 'user_data', bytes, createdMs: 0, expiresMs: undefined, blobKey: `b/${digit}`, contentId: `c${digit}` };
}

const stored: readonly StoredFile[] = [
  fileOf('1', 'report.pdf'), fileOf('2', 'photo.png', png.length), fileOf('3', 'huge.mp4', 40 * 1024 * 1024), fileOf('4', 'locked.pdf'), fileOf('5', 'half.png', 11 * 1024 * 1024),
  fileOf('6', 'long.txt'), fileOf('7', 'scan.pdf'), { ...fileOf('8', 'report.csv'), contentId: 'c1' },
];

function house(): { readonly parts: FileParts; readonly asked: string[] } {
  const asked: string[] = [];
  const parts = new FileParts({
    file: async ({ tenantId, mode }, id) => (tenantId === scope.tenantId && mode === scope.mode ? stored.find((one) => one.id === id) : undefined),
    async *read(file) {
      asked.push(file.filename);
      yield file.filename.endsWith('.png') ? png : Buffer.from('no picture');
    },
    async textOf(file) {
      asked.push(file.filename);
      if (file.filename === 'locked.pdf') throw new Fault('document_unreadable', { message: 'is encrypted' });
      if (file.filename === 'long.txt') return 'x'.repeat(6 * 1024 * 1024);
      return file.filename === 'scan.pdf' ? ' \n' : `text of ${file.filename}`;
    },
    async extract(source) {
      asked.push(source.filename);
      let bytes = '';
      for await (const piece of source.read()) bytes += Buffer.from(piece).toString();
      if (bytes === 'odd') throw new Fault('document_unreadable');
      if (bytes === 'late') throw new Fault('caller_gone');
      if (bytes === 'busy') throw new Fault('documents_busy');
      return { text: `read: ${bytes}` };
    },
  });
  return { parts, asked };
}

const ask = (...content: Part[]): DialogueRequest => ({ model: 'kimi-k2', messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content }], stream: false, protocol: 'openai-chat', sampling: {} });
const resolved = async (parts: FileParts, ...content: Part[]): Promise<unknown> => (await parts.resolve(scope, ask(...content), 'some')).messages[1]?.content;
const sent = (bytes: string): string => `data:application/pdf;base64,${Buffer.from(bytes).toString('base64')}`;

describe('FileParts', () => {
  it('puts the text of a stored document in its place, under its name, and leaves the rest alone', async () => {
    const { parts } = house();
    const content = await resolved(parts, { type: 'text', text: 'Sum it up.' }, { type: 'file', url: urlOf('1'), extensions: { x: { cache_control: {} } } });
    expect(content).toEqual([{ type: 'text', text: 'Sum it up.' }, { type: 'text', text: 'report.pdf:\ntext of report.pdf', extensions: { x: { cache_control: {} } } }]);
  });

  it('calls it as the caller does, and reads it once', async () => {
    const { parts, asked } = house();
    const named: Part = { type: 'file', url: urlOf('1'), filename: 'last year' };
    expect(await resolved(parts, named)).toEqual([{ type: 'text', text: 'last year:\ntext of report.pdf' }]);
    await resolved(parts, named);
    expect(asked).toEqual(['report.pdf']);
  });

  it('sends a stored image along whole', async () => {
    const { parts } = house();
    expect(await resolved(parts, { type: 'image', url: urlOf('2'), detail: 'low' })).toEqual([
      { type: 'image', url: `data:image/png;base64,${png.toString('base64')}`, detail: 'low' },
    ]);
  });

  it.each<[string, Part, string, string]>([
    ['a file that is not there', { type: 'file', url: urlOf('9') }, 'invalid_request', `the file ${idOf('9')} is not found; upload it with POST /v1/files, and name it by the id that this gives`],
    ['an image that is none', { type: 'image', url: urlOf('1') }, 'invalid_request', `${idOf('1')} is no image; send a document as a file part`],
    ['a film that is an image', { type: 'video', url: urlOf('2') }, 'invalid_request', `${idOf('2')} is no video; send a document as a file part`],
    ['a film that is too large', { type: 'video', url: urlOf('3') }, 'invalid_request', `with ${idOf('3')} the images and films of this request have more than the 32 MB that can be sent along`],
    ['a document that cannot be read', { type: 'file', url: urlOf('4') }, 'document_unreadable', 'is encrypted'],
  ])('refuses %s', async (_name, part, code, message) => {
    await expect(resolved(house().parts, part)).rejects.toMatchObject({ code, message });
  });

  it('finds nothing of another tenant, nor of the other mode', async () => {
    const { parts } = house();
    for (const other of [{ ...scope, tenantId: 'ten_2' }, { ...scope, mode: 'test' }] as const) {
      await expect(parts.resolve(other, ask({ type: 'file', url: urlOf('1') }), 'some')).rejects.toMatchObject({ code: 'invalid_request', field: 'messages.1.content.0' });
    }
  });

  it('gives a document that came with the request its text, and reads it once for many turns', async () => {
    const { parts, asked } = house();
    const part: Part = { type: 'file', url: sent('hello'), filename: 'a.pdf' };
    for (let turn = 0; turn < 3; turn += 1) expect(await resolved(parts, part)).toEqual([{ ...part, text: 'read: hello' }]);
    expect(asked).toEqual(['a.pdf']);
  });

  it('leaves alone what it cannot read of a request, but not that its caller has gone', async () => {
    const { parts } = house();
    const odd: Part = { type: 'file', url: sent('odd') };
    const link: Part = { type: 'file', url: 'https://example.test/a.pdf' };
    expect(await resolved(parts, odd, link)).toEqual([odd, link]);
    await expect(resolved(parts, { type: 'file', url: sent('late') })).rejects.toMatchObject({ code: 'caller_gone' });
  });

  it('fetches a file once, however often it is named, and counts it each time', async () => {
    const { parts, asked } = house();
    const image: Part = { type: 'image', url: urlOf('5') };
    expect(await resolved(parts, image, image)).toHaveLength(2);
    expect(asked).toEqual(['half.png']);
    await expect(resolved(parts, image, image, image)).rejects.toMatchObject({ code: 'invalid_request', field: 'messages.1.content.2' });
    const long: Part = { type: 'file', url: urlOf('6') };
    await expect(resolved(parts, long, long, long)).rejects.toMatchObject({ code: 'prompt_too_long', field: 'messages.1.content.2' });
    expect(asked.filter((name) => name === 'long.txt')).toHaveLength(1);
  });

  it('says of a document without words that it has none, and reads the same bytes by another name anew', async () => {
    const { parts } = house();
    expect(await resolved(parts, { type: 'file', url: urlOf('7') })).toEqual([{ type: 'text', text: 'scan.pdf:\n(no text could be read in this document)' }]);
    const both = await resolved(parts, { type: 'file', url: urlOf('1') }, { type: 'file', url: urlOf('8') });
    expect(both).toEqual([{ type: 'text', text: 'report.pdf:\ntext of report.pdf' }, { type: 'text', text: 'report.csv:\ntext of report.csv' }]);
  });

  it('reads no more than some of many', async () => {
    const { parts, asked } = house();
    const [odd, busy] = ['odd', 'busy'].map((bytes): Part => ({ type: 'file', url: sent(bytes), filename: bytes }));
    for (let turn = 0; turn < 2; turn += 1) if (odd !== undefined && busy !== undefined) expect(await resolved(parts, odd, busy)).toEqual([odd, busy]);
    expect(asked).toEqual(['odd', 'busy', 'odd', 'busy']);
    const many = Array.from({ length: 30 }, (_, index): Part => ({ type: 'file', url: sent(`n${index}`) }));
    expect((await resolved(parts, ...many)) as unknown[]).toHaveLength(30);
    expect(asked).toHaveLength(4 + 20);
  });

  it.each<[string, string, string]>([
    ['is encrypted or broken', sent('odd'), 'document_unreadable'],
    ['lies somewhere else', 'https://example.test/a.pdf', 'invalid_request'],
    ['cannot be read now', sent('busy'), 'documents_busy'],
  ])('refuses a document that %s, where nobody who may answer reads documents, and leaves it to those who do', async (_name, url, code) => {
    const { parts } = house();
    const part: Part = { type: 'file', url };
    await expect(parts.resolve(scope, ask(part), 'none')).rejects.toMatchObject({ code });
    expect((await parts.resolve(scope, ask(part), 'all')).messages[1]?.content).toEqual([part]);
  });

  it('reads base64 without a head, and refuses ids that are none', async () => {
    const { parts } = house();
    const bare: Part = { type: 'file', url: Buffer.from('hello').toString('base64'), filename: 'a.txt' };
    expect(await resolved(parts, bare)).toEqual([{ ...bare, text: 'read: hello' }]);
    for (const id of ['nope', 'file-abc123', 'FILE_1', ' ']) await expect(resolved(parts, { type: 'file', url: storedFileUrl(id) })).rejects.toMatchObject({ code: 'invalid_request', field: 'messages.1.content.0' });
  });

  it('stops when the caller has gone', async () => {
    const { parts, asked } = house();
    await expect(parts.resolve(scope, ask({ type: 'image', url: urlOf('2') }), 'some', AbortSignal.abort())).rejects.toMatchObject({ code: 'caller_gone' });
    expect(asked).toEqual([]);
  });

  it('takes no URL for a document that holds none, whatever it holds', async () => {
    const { parts, asked } = house();
    const odd = ['data:,x', 'data:;base64', `data:${';'.repeat(5_000_000)}`, 'https://example.test/;base64,AAAA'].map((url): Part => ({ type: 'file', url }));
    expect(await resolved(parts, ...odd)).toEqual(odd);
    expect(asked).toEqual([]);
  });

  it('has nothing to do for what names no file', () => {
    expect(needsFiles(ask({ type: 'text', text: 'ms://file' }, { type: 'image', url: 'https://example.test/a.png' }, { type: 'image', url: 'https://example.test/ms://x' }))).toBe(false);
    expect(needsFiles({ model: 'kimi-k2', messages: [{ role: 'user', content: urlOf('1') }], stream: false, protocol: 'openai-chat', sampling: {} })).toBe(false);
    expect(needsFiles(ask({ type: 'image', url: urlOf('2') }))).toBe(true);
    expect(needsFiles(ask({ type: 'file', url: sent('x') }))).toBe(true);
  });
});
