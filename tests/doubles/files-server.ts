import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Caller } from '../../src/access/caller.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/fault.ts';
import { systemRandom } from '../../src/base/random.ts';
import { documentsMigrations } from '../../src/documents/document-tables.ts';
import { type FileLimits, fileLimitsDefault } from '../../src/documents/file-limits.ts';
import { basePaths } from '../../src/http/base-path.ts';
import { registerFiles } from '../../src/http/surfaces/files/files.ts';
import { OpenUploads } from '../../src/http/surfaces/files/open-uploads.ts';
import { registerUploads } from '../../src/http/surfaces/files/uploads.ts';
import { buildServer, requireKey } from '../../src/http/server.ts';
import { openSqliteDatabase } from '../../src/storage/sqlite-database.ts';
import { ExtractorDouble } from './extractor-double.ts';
import { type DocumentRooms, openDocuments } from './open-documents.ts';

/** The surfaces of files alone, over SQLite and a folder, on a port that the system chooses; its keys are `live`, `test` and `other` (another tenant). */
export interface FilesServer extends DocumentRooms, AsyncDisposable {
  readonly url: string;
  readonly extractor: ExtractorDouble;
  /** Names of all blobs that are stored, and of what is being written. */
  stored(): Promise<readonly string[]>;
}

const callers: Readonly<Record<string, Caller>> = {
  live: { tenantId: 'ten_one', keyId: 'key_1', mode: 'live' },
  test: { tenantId: 'ten_one', keyId: 'key_2', mode: 'test' },
  other: { tenantId: 'ten_other', keyId: 'key_3', mode: 'live' },
};

/** Starts one. */
export async function startFilesServer(limits: Partial<FileLimits> = {}, clock: Clock = systemClock): Promise<FilesServer> {
  const folder = mkdtempSync(join(tmpdir(), 'moongate-files-'));
  const blobFolder = join(folder, 'files');
  const database = await openSqliteDatabase({ path: join(folder, 'moongate.db'), migrations: documentsMigrations });
  const extractor = new ExtractorDouble();
  const rooms = await openDocuments({ database, folder: blobFolder, extractor, limits: { ...fileLimitsDefault, ...limits } });
  const log = { write: () => {}, writes: () => false, flush: () => {} };
  const app = buildServer({ bodyBytesMax: 100_000, clock, random: systemRandom, log, stallMs: 30_000 });
  const callerOf = async (token: string): Promise<Caller> => {
    const caller = callers[token];
    if (caller === undefined) throw new Fault('key_rejected');
    return caller;
  };
  app.register((surfaces, _options, done) => {
    requireKey(surfaces, { cached: () => undefined, authenticate: callerOf });
    const openUploads = new OpenUploads();
    for (const base of basePaths) {
      registerFiles(surfaces, base, { ...rooms, openUploads, clock });
      registerUploads(surfaces, base, { ...rooms, openUploads, clock });
    }
    done();
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    ...rooms, url, extractor,
    async stored() {
      const entries = await readdir(blobFolder, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await database[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
