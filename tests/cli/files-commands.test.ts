import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../cli/run.ts';
import { TerminalDouble } from '../../cli/terminal-double.ts';
import { type AdminServer, startAdminServer } from '../doubles/admin-server.ts';
import { type CommandOutcome, runMoongate } from '../doubles/moongate-command.ts';

let server: AdminServer;

beforeAll(async () => {
  server = await startAdminServer();
  for (const [name, text] of [['report.txt', 'forty two'], ['plan.md', 'a plan'], ['broken.pdf', '%BROKEN'], ['empty.txt', '']] as const) {
    writeFileSync(join(server.folder, name), text);
  }
});
afterAll(() => server[Symbol.asyncDispose]());

function moongate(...argv: readonly string[]): Promise<CommandOutcome> {
  return runMoongate(server.folder, argv);
}

async function json(...argv: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await moongate(...argv, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('moongate files', () => {
  it('uploads, lists, reads and deletes, with tokens and notes', async () => {
    const put = await moongate('files', 'put', 'report.txt', 'plan.md');
    expect(put).toMatchObject({ code: 0, stderr: '' });
    expect(put.stdout).toMatch(/^2026-06-01 \S+ +file_\w+ +file-extract +9 B +≤ 11 +report\.txt +never$/m);
    expect(put.stdout).toContain('report.txt: page 2 has no text\nplan.md: page 2 has no text\n');
    const listed = await moongate('files', 'list');
    expect(listed.stdout.match(/file_\w+/g)).toHaveLength(2);
    const id = /(file_\w+) .*report\.txt/.exec(listed.stdout)?.[1] ?? '';
    expect(await moongate('files', 'text', id)).toEqual({ code: 0, stdout: '# forty two\n', stderr: 'report.txt: text, ≤ 11 tokens\npage 2 has no text\n' });
    expect(await json('files', 'text', id)).toMatchObject({ file: { id, tokens: 11, tokensExact: false }, text: '# forty two', format: 'text', mimeType: 'text/plain', title: 'A title', pageCount: null });
    expect(await moongate('files', 'delete', id)).toEqual({ code: 0, stdout: `deleted ${id} (report.txt)\n`, stderr: '' });
    expect((await moongate('files', 'text', id)).stderr).toMatch(/there is no file of that id/);
    expect(await json('files', 'list')).toMatchObject({ files: [{ filename: 'plan.md' }], next: null });
  });

  it('keeps tenants and modes apart', async () => {
    await moongate('tenants', 'create', 'acme');
    expect(await json('files', 'put', 'plan.md', '--tenant', 'acme', '--test', '--purpose', 'user_data')).toMatchObject({
      files: [{ path: 'plan.md', file: { tenant: { name: 'acme' }, mode: 'test', purpose: 'user_data', tokens: null, bytes: 6 }, notes: [] }],
    });
    expect((await moongate('files', 'list', '--tenant', 'acme')).stdout).toBe('no files\n');
    expect(await json('files', 'list', '--tenant', 'acme', '--test')).toMatchObject({ files: [{ filename: 'plan.md' }] });
  });

  it('pages through a list', async () => {
    await moongate('files', 'put', 'report.txt');
    const first = await moongate('files', 'list', '--limit', '1');
    const before = /older ones: --before (\w+)/.exec(first.stdout)?.[1] ?? '';
    expect((await moongate('files', 'list', '--before', before)).stdout).toContain('plan.md');
    expect(await moongate('files', 'list', '--before', 'file_x')).toMatchObject({ code: 1, stderr: expect.stringContaining('no live file of that id') });
    expect(await moongate('files', 'list', '--before', before, '--test')).toMatchObject({ code: 1 });
    expect(await moongate('files', 'list', '--purpose', 'nonsense')).toMatchObject({ code: 1, stderr: expect.stringContaining('batch_output') });
    expect((await moongate('files', 'list', '--purpose', 'batch_output')).stdout).toBe('no files\n');
  });

  it('says what cannot be uploaded, and what was before it', async () => {
    const mixed = await moongate('files', 'put', 'nowhere.txt', 'report.txt', '.', 'broken.pdf', 'empty.txt', 'plan.md');
    expect(mixed).toMatchObject({ code: 1, stdout: expect.stringMatching(/report\.txt[^]*plan\.md/) });
    expect(mixed.stderr.trim().split('\n')).toEqual([
      'moongate: nowhere.txt: there is no such file', 'moongate: .: this is a folder: name the files in it',
      expect.stringMatching(/^moongate: broken\.pdf: Failed to extract file: the document is encrypted/), expect.stringMatching(/^moongate: empty\.txt: File size is zero/),
    ]);
    const told = await moongate('files', 'put', 'report.txt', 'nowhere.txt', '--json');
    expect([told.code, told.stderr, JSON.parse(told.stdout)]).toMatchObject([1, '', {
      files: [{ path: 'report.txt', file: { filename: 'report.txt' } }], failed: [{ name: 'nowhere.txt', code: 'unreadable', message: 'there is no such file' }],
    }]);
    expect(await moongate('files', 'put', 'nowhere.txt')).toEqual({ code: 1, stdout: '', stderr: 'moongate: nowhere.txt: there is no such file\n' });
    expect((await moongate('files', 'put', 'plan.md', 'report.txt', '--purpose', 'poem')).stderr).toMatch(/Invalid purpose/);
    expect((await moongate('files', 'put', 'plan.md', '--tenant', 'nobody')).stderr).toMatch(/there is no tenant "nobody"/);
  });

  it('deletes several', async () => {
    const { files } = (await json('files', 'put', 'report.txt', 'plan.md')) as { readonly files: readonly { readonly file: { readonly id: string } }[] };
    const [first, second] = files.map(({ file }) => file.id);
    expect(await moongate('files', 'delete', first ?? '', 'file_x', second ?? '')).toEqual({
      code: 1, stdout: `deleted ${first} (report.txt)\ndeleted ${second} (plan.md)\n`, stderr: 'moongate: file_x: there is no file of that id; ids begin with "file_"\n',
    });
  });

  it('reads a long text whole', async () => {
    const long = `"${'длинный 🌍\n'.repeat(40_000)}`;
    writeFileSync(join(server.folder, 'long.txt'), long);
    const { files } = (await json('files', 'put', 'long.txt')) as { files: { file: { id: string } }[] };
    const { text, mimeType } = (await json('files', 'text', files[0]?.file.id ?? '')) as { text: string; mimeType: string };
    expect([text === `# ${long}`, mimeType]).toEqual([true, 'text/plain']);
  });

  it('shows how far it is to a person, and to nobody else', async () => {
    writeFileSync(join(server.folder, 'big.bin'), Buffer.alloc(300_000));
    const terminal = new TerminalDouble(server.folder);
    terminal.live = true;
    expect(await run(['files', 'put', 'big.bin', '--purpose', 'user_data'], terminal)).toBe(0);
    expect(terminal.stderr).toMatch(/big\.bin {2}\d+(\.\d)? kB of 300 kB {2}\d+ %/);
    expect(terminal.stderr.endsWith('\r\u001b[2K')).toBe(true);
  });
});
