import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gathered, inPieces } from '../../tests/doubles/blob-pieces.ts';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ExtractorDouble } from '../../tests/doubles/extractor-double.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { type DocumentRooms, type DocumentWish, openDocuments } from '../../tests/doubles/open-documents.ts';
import { Fault } from '../base/fault.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { Database } from '../storage/database.ts';
import type { BlobStore } from '../storage/blobs/blob-store.ts';
import { type DocumentTables, documentsMigrations } from './document-tables.ts';
import { fileLimitsDefault } from './file-limits.ts';
import type { StoredFile } from './stored-file.ts';

const never = new AbortController().signal;

let folder: string;
let clock: ManualClock;
/** Each test has a tenant of its own, and all share a database. */
let mine: TenantScope;
let tests = 0;
beforeEach(() => {
  mine = { tenantId: `ten_${(tests += 1)}`, mode: 'live' };
  folder = mkdtempSync(join(tmpdir(), 'moongate-documents-'));
  clock = new ManualClock();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Names of all that is stored, drafts included. */
function stored(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** A store that passes everything on, to be made otherwise in part. */
function asWritten(blobs: BlobStore): BlobStore {
  return {
    put: (key, source) => blobs.put(key, source),
    read: (key, range) => blobs.read(key, range),
    delete: (key) => blobs.delete(key),
    sweep: (beforeMs) => blobs.sweep(beforeMs),
    [Symbol.asyncDispose]: async () => {},
  };
}

function bytesOf(text: string): AsyncIterable<Uint8Array> {
  return inPieces(Buffer.from(text), [3]);
}

onEveryDatabase((databases) => {
  /** Two connections where there can be two. */
  let connections: readonly [Database, Database];
  beforeAll(async () => {
    const database = await databases.create();
    const one = await database.open(documentsMigrations);
    connections = [one, databases.kind === 'Postgres' ? await database.open(documentsMigrations) : one];
  });

  /** A server over the same database and folder. */
  const replica = (wish: Partial<DocumentWish> = {}, connection: 0 | 1 = 0): Promise<DocumentRooms> => openDocuments({ database: connections[connection], folder, clock, ...wish });
  const twoReplicas = async (wish: Partial<DocumentWish> = {}): Promise<readonly [DocumentRooms, DocumentRooms]> => [await replica(wish), await replica(wish, 1)];
  const create = ({ files }: DocumentRooms, text: string, wish: { filename?: string; expiresMs?: number; scope?: TenantScope; extract?: boolean } = {}): Promise<StoredFile> => {
    const { filename = 'a.txt', scope = mine, extract = false, ...rest } = wish;
    return files.create(scope, { filename, purpose: extract ? 'file-extract' : 'user_data', ...rest }, bytesOf(text));
  };
  const contentOf = async ({ files }: DocumentRooms, id: string): Promise<string | undefined> => {
    const file = await files.get(mine, id);
    return file === undefined ? undefined : (await gathered(files.open(file))).toString();
  };
  const usageOf = async ({ rows }: DocumentRooms): Promise<unknown> => rows.usage(mine);
  const looseCount = async ({ database }: DocumentRooms): Promise<number> => {
    const rows = await database.query(database.builder<DocumentTables>().selectFrom('loose_blobs').selectAll().compile());
    return rows.filter((row) => row.blob_key.startsWith(`${mine.tenantId}/`)).length;
  };

  describe('files', () => {
    it('of equal bytes are stored once for a tenant and mode, and until the last of them is deleted', async () => {
      const rooms = await replica();
      const [one, two] = [await create(rooms, 'same'), await create(rooms, 'same', { filename: 'b.txt' })];
      const [test, other] = [await create(rooms, 'same', { scope: { ...mine, mode: 'test' } }), await create(rooms, 'same', { scope: { ...mine, tenantId: 'ten_other' } })];
      expect(two.contentId).toBe(one.contentId);
      expect(new Set([one, test, other].map(({ contentId }) => contentId)).size).toBe(3);
      expect(stored()).toHaveLength(3);
      expect(await usageOf(rooms)).toEqual({ files: 2, bytes: 8 });
      expect(await rooms.files.delete(mine, one.id)).toBe(true);
      expect(await rooms.files.delete(mine, one.id)).toBe(false);
      expect(await contentOf(rooms, two.id)).toBe('same');
      expect((await gathered(rooms.files.open(two, { start: 1, end: 3 }))).toString()).toBe('am');
      await rooms.files.delete(mine, two.id);
      expect(stored()).toHaveLength(2);
      expect([await usageOf(rooms), await looseCount(rooms)]).toEqual([{ files: 0, bytes: 0 }, 0]);
    });

    it('hold no name in the clear', async () => {
      const rooms = await replica();
      await create(rooms, 'x', { filename: 'Kündigung.pdf' });
      const [row] = await rooms.database.query(rooms.database.builder<DocumentTables>().selectFrom('files').selectAll().where('tenant_id', '=', mine.tenantId).compile());
      expect(JSON.stringify(row)).not.toMatch(/Kündigung|pdf/);
    });

    it('keep to the count exactly, when two servers make many at the same time', async () => {
      const limits = { ...fileLimitsDefault, filesMax: 7 };
      const servers = await twoReplicas({ limits });
      const made = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => create(servers[index % 2 === 0 ? 0 : 1], `file ${index % 5}`)));
      expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
      const refusals = made.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      for (const refusal of refusals) {
        expect(refusal).toMatchObject({ code: 'invalid_request', message: 'The number of files you have uploaded exceeded the max file count 7, please delete previous uploaded files' });
      }
      expect(await usageOf(servers[0])).toMatchObject({ files: 7 });
      expect([new Set(stored()).size <= 5, await looseCount(servers[0])]).toEqual([true, 0]);
    });

    it('keep to the bytes exactly, and what a batch has made is counted but never refused', async () => {
      const rooms = await replica({ limits: { ...fileLimitsDefault, totalBytesMax: 10 } });
      const made = await Promise.allSettled(['123', '456', '789', 'abc', 'def'].map((text) => create(rooms, text)));
      expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      expect(made.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { message: 'The size of all files you have uploaded exceeded the max total size 10B, please delete previous uploaded files' } });
      const staged = await rooms.files.stage(mine, bytesOf('output'));
      const { file, part } = rooms.files.making(staged, { filename: 'out.jsonl', purpose: 'batch_output' });
      expect(await rooms.files.get(mine, file.id)).toBeUndefined();
      expect((await rooms.database.commitIf(part.guards, part.statements)).committed).toBe(true);
      await rooms.files.discard(staged);
      expect(await contentOf(rooms, file.id)).toBe('output');
      expect(await usageOf(rooms)).toEqual({ files: 4, bytes: 15 });
      await expect(rooms.files.admit(mine)).rejects.toMatchObject({ code: 'invalid_request' });
    });

    it('are gone when their time is over, and swept afterwards', async () => {
      const rooms = await replica();
      const file = await create(rooms, 'brief', { expiresMs: clock.nowMs() + 1_000 });
      await create(rooms, 'brief', { filename: 'stays.txt' });
      clock.advance(1_000);
      expect(await rooms.files.get(mine, file.id)).toBeUndefined();
      expect(await rooms.files.list(mine, { limit: 10, order: 'asc' })).toMatchObject([{ filename: 'stays.txt' }]);
      expect(await rooms.files.sweep(never)).toBe(1);
      expect([await usageOf(rooms), stored().length]).toEqual([{ files: 1, bytes: 5 }, 1]);
    });
  });

  describe('a crash', () => {
    /** A store that dies, with its server, at the `nth` of its acts. */
    const dyingAt = (dies: { puts?: number; deletes?: number }) => (blobs: BlobStore): BlobStore => {
      const counts = { puts: 0, deletes: 0 };
      const die = (kind: 'puts' | 'deletes'): Promise<never> | undefined => ((counts[kind] += 1) === dies[kind] ? Promise.reject(new Error('kill -9')) : undefined);
      return {
        ...asWritten(blobs),
        put: (key, source) => blobs.put(key, source).then(() => die('puts')),
        delete: (key) => die('deletes') ?? blobs.delete(key),
      };
    };

    it('between the blob and its row leaves no blob behind', async () => {
      const dying = await replica({ wrap: dyingAt({ puts: 1, deletes: 1 }) });
      await expect(create(dying, 'orphan')).rejects.toThrow('kill -9');
      expect(stored()).toHaveLength(1);
      const other = await replica();
      await create(other, 'kept');
      // Released already, since only its removal failed; after a real kill it is due when the writer counts as dead, or at the next start.
      await other.loose.disownAll();
      await other.files.sweep(never);
      expect([stored().length, await looseCount(other)]).toEqual([1, 0]);
      expect(await usageOf(other)).toEqual({ files: 1, bytes: 4 });
    });

    it('between the row and its blob, when a file is deleted, leaves no blob behind', async () => {
      const dying = await replica({ wrap: dyingAt({ deletes: 1 }) });
      const file = await create(dying, 'orphan');
      expect(await dying.files.delete(mine, file.id)).toBe(true);
      expect(stored()).toHaveLength(1);
      await (await replica()).files.sweep(never);
      expect(stored()).toEqual([]);
    });

    it('of the store at one blob holds up no other', async () => {
      const stuck = new Set<string>();
      const rooms = await replica({ wrap: (blobs) => ({ ...asWritten(blobs), delete: async (key) => { if (stuck.has(key)) throw new Error('access denied'); await blobs.delete(key); } }) });
      const files = [await create(rooms, 'stuck'), await create(rooms, 'two'), await create(rooms, 'three')];
      for (const { blobKey } of files) stuck.add(blobKey);
      for (const { id } of files) {
        await rooms.files.delete(mine, id);
        clock.advance(1);
      }
      for (const { blobKey } of files.slice(1)) stuck.delete(blobKey);
      await expect(rooms.files.sweep(never)).rejects.toThrow('access denied');
      expect([stored().length, await looseCount(rooms)]).toEqual([1, 1]);
      // Not at once again.
      await rooms.files.sweep(never);
      stuck.clear();
      clock.advance(3_600_000);
      await rooms.files.sweep(never);
      expect([stored(), await looseCount(rooms)]).toEqual([[], 0]);
    });

    it('of a server whose writing takes long is not taken for one before its time', async () => {
      const rooms = await replica();
      const staged = await rooms.files.stage(mine, bytesOf('slow'));
      clock.advance(5 * 3_600_000);
      await rooms.files.sweep(never);
      const file = await rooms.files.keep(staged, { filename: 'a', purpose: 'user_data' });
      expect((await gathered(rooms.files.open(file))).toString()).toBe('slow');
      const lost = await rooms.files.stage(mine, bytesOf('dead'));
      clock.advance(7 * 3_600_000);
      await rooms.files.sweep(never);
      expect(stored()).toHaveLength(1);
      await expect(rooms.files.keep(lost, { filename: 'a', purpose: 'user_data' })).rejects.toThrow(/removed/);
    });
  });

  describe('equal files that come and go at the same time', () => {
    it('never lose the bytes of one that stays', async () => {
      const servers = await twoReplicas();
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.boolean()), { minLength: 2, maxLength: 12 }), async (acts) => {
          const made = await Promise.all(
            acts.map(async ([text, stays], index) => {
              const rooms = servers[index % 2 === 0 ? 0 : 1];
              const file = await create(rooms, `content ${text}`);
              if (!stays) await rooms.files.delete(mine, file.id);
              return stays ? file : undefined;
            }),
          );
          const [rooms] = servers;
          const staying = made.filter((file) => file !== undefined);
          for (const { id } of staying) {
            expect(await contentOf(rooms, id)).toMatch(/^content [01]$/);
          }
          await rooms.files.sweep(never);
          expect(stored()).toHaveLength(new Set(staying.map(({ contentId }) => contentId)).size);
          for (const { id } of staying) await rooms.files.delete(mine, id);
          expect([stored(), await usageOf(rooms)]).toEqual([[], { files: 0, bytes: 0 }]);
        }),
        { numRuns: 8 },
      );
    });
  });

  describe('texts', () => {
    it('are read once for all who wait, and kept', async () => {
      const extractor = new ExtractorDouble();
      const gate = Promise.withResolvers<void>();
      extractor.gate = gate.promise;
      const rooms = await replica({ extractor });
      const file = await create(rooms, 'hello');
      expect((await rooms.texts.tokensOf([file])).size).toBe(0);
      const reading = Promise.all([rooms.texts.textOf(file), rooms.texts.textOf(file), rooms.texts.textOf(file)]);
      await expect.poll(() => extractor.reads).toBe(1);
      gate.resolve();
      const expected = { text: '# hello', format: 'text', title: 'A title', notes: ['page 2 has no text'], tokens: 7, tokensExact: false };
      for (const text of await reading) expect(text).toMatchObject(expected);
      expect(await rooms.texts.textOf(file)).toMatchObject(expected);
      expect([...(await rooms.texts.tokensOf([file])).values()]).toEqual([{ tokens: 7, tokensExact: false }]);
      expect([extractor.reads, stored().length, await looseCount(rooms)]).toEqual([1, 2, 0]);
      await rooms.files.delete(mine, file.id);
      expect([stored(), await looseCount(rooms)]).toEqual([[], 0]);
    });

    it('are given up when the last who waits has left, and not before', async () => {
      const extractor = new ExtractorDouble();
      extractor.gate = new Promise(() => {});
      const rooms = await replica({ extractor });
      const file = await create(rooms, 'hello');
      const [one, other] = [new AbortController(), new AbortController()];
      const reading = [one, other].map(({ signal }) => rooms.texts.textOf(file, signal));
      await expect.poll(() => extractor.reads).toBe(1);
      one.abort(new Error('left'));
      await expect(reading[0]).rejects.toThrow('left');
      expect(extractor.aborted).toBe(0);
      other.abort(new Error('left too'));
      await expect(reading[1]).rejects.toThrow('left too');
      expect(extractor.aborted).toBe(1);
      extractor.gate = Promise.resolve();
      expect(await rooms.texts.textOf(file)).toMatchObject({ text: '# hello' });
    });

    it('are read again by another version, and for another ending of the name', async () => {
      const extractor = new ExtractorDouble();
      const rooms = await replica({ extractor });
      const [text, table] = [await create(rooms, 'a,b', { extract: true }), await create(rooms, 'a,b', { extract: true, filename: 'A.CSV' })];
      expect(extractor.reads).toBe(2);
      await create(rooms, 'a,b', { extract: true, filename: 'b.csv' });
      expect(extractor.reads).toBe(2);
      extractor.version = 'double-2';
      await rooms.texts.textOf(text);
      await rooms.texts.textOf(table);
      expect(extractor.reads).toBe(4);
    });

    it('that are lost are read again', async () => {
      const extractor = new ExtractorDouble();
      const rooms = await replica({ extractor });
      const file = await create(rooms, 'hello', { extract: true });
      for (const key of await rooms.texts.blobKeysOf(file)) await rooms.blobs.delete(key);
      expect(await rooms.texts.textOf(file)).toMatchObject({ text: '# hello' });
      expect(extractor.reads).toBe(2);
    });

    it('that are missing for a moment leave nothing when they are read again', async () => {
      let missing: string | undefined;
      const missesOne = (blobs: BlobStore): BlobStore => ({
        ...asWritten(blobs),
        async *read(key, range) {
          if (key === missing) throw new Fault('not_found');
          yield* blobs.read(key, range);
        },
      });
      const rooms = await replica({ extractor: new ExtractorDouble(), wrap: missesOne });
      const file = await create(rooms, 'hello', { extract: true });
      [missing] = await rooms.texts.blobKeysOf(file);
      expect(await rooms.texts.textOf(file)).toMatchObject({ text: '# hello' });
      await rooms.files.sweep(never);
      expect([stored().length, await looseCount(rooms)]).toEqual([2, 0]);
    });

    it('that cannot be read refuse the file, and leave nothing', async () => {
      const rooms = await replica({ extractor: new ExtractorDouble() });
      await expect(create(rooms, '%BROKEN', { extract: true })).rejects.toMatchObject({ code: 'document_unreadable', message: 'Failed to extract file: the document is encrypted; send it without a password' });
      expect([stored(), await looseCount(rooms), await usageOf(rooms)]).toEqual([[], 0, { files: 0, bytes: 0 }]);
    });
  });

  describe('uploads in parts', () => {
    it('expire with all that has come', async () => {
      const rooms = await replica();
      const wish = { filename: 'a.txt', purpose: 'user_data', bytes: 4 } as const;
      const upload = await rooms.uploads.create(mine, wish);
      const part = await rooms.uploads.addPart(mine, upload.id, bytesOf('four'));
      clock.advance(3_600_000);
      await expect(rooms.uploads.complete(mine, upload.id, { partIds: [part.id] })).rejects.toMatchObject({ message: expect.stringMatching(/has expired/) });
      await rooms.uploads.sweep(never);
      expect([stored(), await looseCount(rooms)]).toEqual([[], 0]);
      await expect(rooms.uploads.cancel(mine, upload.id)).rejects.toMatchObject({ message: expect.stringMatching(/is expired/) });
      clock.advance(86_400_000);
      await rooms.uploads.sweep(never);
      await expect(rooms.uploads.cancel(mine, upload.id)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('count with what they announce, also when two servers begin them at the same time, and until they end', async () => {
      const servers = await twoReplicas({ limits: { ...fileLimitsDefault, totalBytesMax: 10 } });
      const [rooms] = servers;
      const wish = { filename: 'a.txt', purpose: 'user_data', bytes: 4 } as const;
      const begun = await Promise.allSettled(Array.from({ length: 6 }, (_, index) => servers[index % 2 === 0 ? 0 : 1].uploads.create(mine, wish)));
      const uploads = begun.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(uploads).toHaveLength(2);
      expect(begun.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'invalid_request', message: expect.stringMatching(/exceeded the max total size 10B/) } });
      await expect(create(rooms, '123')).rejects.toMatchObject({ message: expect.stringMatching(/exceeded the max total size/) });
      await create(rooms, '12');
      const [one, other] = uploads;
      if (one === undefined || other === undefined) throw new Error('two were begun');
      const part = await rooms.uploads.addPart(mine, one.id, bytesOf('four'));
      await expect(rooms.uploads.addPart(mine, one.id, bytesOf('x'))).rejects.toMatchObject({ message: expect.stringMatching(/more than the 4 bytes/) });
      // All that the tenant may have is taken, by this upload itself among others.
      await rooms.uploads.complete(mine, one.id, { partIds: [part.id] });
      expect(await usageOf(rooms)).toEqual({ files: 2, bytes: 10 });
      await rooms.uploads.cancel(mine, other.id);
      expect(await usageOf(rooms)).toEqual({ files: 2, bytes: 6 });
      await rooms.uploads.create(mine, wish);
      clock.advance(3_600_000);
      await rooms.uploads.sweep(never);
      expect(await usageOf(rooms)).toEqual({ files: 2, bytes: 6 });
    });

    it('are copied by one completion at a time; others are refused before they copy anything', async () => {
      const gate = Promise.withResolvers<void>();
      let held = false;
      const rooms = await replica({ wrap: (blobs) => ({ ...asWritten(blobs), put: async (key, source) => { if (held) await gate.promise; await blobs.put(key, source); } }) });
      const upload = await rooms.uploads.create(mine, { filename: 'a.txt', purpose: 'user_data', bytes: 4 });
      const completion = { partIds: [(await rooms.uploads.addPart(mine, upload.id, bytesOf('four'))).id] };
      held = true;
      const first = rooms.uploads.complete(mine, upload.id, completion);
      await expect.poll(() => looseCount(rooms)).toBe(1);
      await expect(rooms.uploads.complete(mine, upload.id, completion)).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringMatching(/is being completed/) });
      expect(await looseCount(rooms)).toBe(1);
      gate.resolve();
      expect((await first).file).toMatchObject({ bytes: 4 });
    });

    it('are completed once, when two servers do it at the same time', async () => {
      const servers = await twoReplicas();
      const [rooms] = servers;
      const upload = await rooms.uploads.create(mine, { filename: 'a.txt', purpose: 'user_data', bytes: 4 });
      const part = await rooms.uploads.addPart(mine, upload.id, bytesOf('four'));
      const ends = await Promise.allSettled(Array.from({ length: 4 }, (_, index) => servers[index % 2 === 0 ? 0 : 1].uploads.complete(mine, upload.id, { partIds: [part.id] })));
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect([await rooms.files.list(mine, { limit: 9, order: 'asc' }), stored().length, await looseCount(rooms)]).toMatchObject([[{ bytes: 4 }], 1, 0]);
    });
  });
});
