import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inPieces } from '../../../tests/doubles/blob-pieces.ts';
import { systemRandom } from '../../base/random.ts';
import { StartRefusal } from '../../base/start-refusal.ts';
import { DiskBlobStore } from './disk-blob-store.ts';

let folder: string;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'moongate-disk-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('blobs on a disk', () => {
  it.skipIf(process.platform === 'win32')('can be read by nobody else (needs file modes)', async () => {
    const path = join(folder, 'files');
    const store = await DiskBlobStore.open(path, systemRandom);
    await store.put('ten_a/live/x', inPieces(Buffer.from('x'), [1]));
    expect(['', 'ten_a', 'ten_a/live', '.drafts'].map((name) => modeOf(join(path, name)))).toEqual([0o700, 0o700, 0o700, 0o700]);
    expect(modeOf(join(path, 'ten_a/live/x'))).toBe(0o600);
    expect(readdirSync(join(path, '.drafts'))).toEqual([]);
  });

  it('are not there before all of them is, and what a crash has left is swept by its age', async () => {
    const store = await DiskBlobStore.open(folder, systemRandom);
    const gate = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      await gate.promise;
      yield Buffer.from(' and half');
    }
    const putting = store.put('x', slow());
    await expect.poll(() => readdirSync(join(folder, '.drafts')).length).toBe(1);
    expect(readdirSync(folder)).toEqual(['.drafts']);
    const left = join(folder, '.drafts', 'of-a-crash');
    writeFileSync(left, 'x');
    utimesSync(left, 1_000, 1_000);
    expect(await store.sweep(2_000_000)).toBe(1);
    gate.resolve();
    await putting;
    expect(readdirSync(folder).sort()).toEqual(['.drafts', 'x']);
  });

  it('refuse the start when their folder cannot be used', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(DiskBlobStore.open(join(folder, 'file'), systemRandom)).rejects.toBeInstanceOf(StartRefusal);
  });

  it.skipIf(process.getuid?.() === 0)('say that they are not available when the disk refuses (needs another user than root)', async () => {
    const store = await DiskBlobStore.open(folder, systemRandom);
    mkdirSync(join(folder, 'ten_a'));
    chmodSync(join(folder, 'ten_a'), 0o500);
    await expect(store.put('ten_a/live/x', inPieces(Buffer.from('x'), [1]))).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('say that they are not available when something else stands in the place of a folder', async () => {
    const store = await DiskBlobStore.open(folder, systemRandom);
    writeFileSync(join(folder, 'ten_a'), '');
    await expect(store.put('ten_a/live/x', inPieces(Buffer.from('x'), [1]))).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(readdirSync(join(folder, '.drafts'))).toEqual([]);
  });
});
