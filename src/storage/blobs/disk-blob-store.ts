import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Random } from '../../base/random.ts';
import { StartRefusal } from '../../base/start-refusal.ts';
import { blobNotFound, blobsUnavailable } from './blob-fault.ts';
import { checkedBlobKey } from './blob-key.ts';
import type { BlobStore, ByteRange } from './blob-store.ts';

const folderMode = 0o700;
const fileMode = 0o600;
/** Blobs have no dot in their names, so that the drafts lie beside them and are none. */
const draftsFolder = '.drafts';
const readBytes = 256 * 1024;

/** Blobs as files in a folder. What is being written has another name until all of it is on the disk. */
export class DiskBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #drafts: string;
  readonly #random: Random;

  private constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#drafts = join(folder, draftsFolder);
    this.#random = random;
  }

  /** A store in the folder at `path`, which is made (0700) if need be. Throws `StartRefusal` when it cannot be made or written. */
  static async open(path: string, random: Random): Promise<DiskBlobStore> {
    const store = new DiskBlobStore(path, random);
    try {
      await mkdir(store.#drafts, { recursive: true, mode: folderMode });
      const probe = store.#draftPath();
      await writeFile(probe, '', { flag: 'wx', mode: fileMode });
      await rm(probe);
    } catch (thrown) {
      throw new StartRefusal(`the folder of files ${path} cannot be used: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
    }
    return store;
  }

  async put(key: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#pathOf(key);
    const draft = this.#draftPath();
    try {
      await this.#write(draft, source);
      await onDisk(async () => {
        await this.#makeFolder(dirname(path));
        await rename(draft, path);
        await syncFolder(dirname(path));
      });
    } catch (thrown) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw thrown;
    }
  }

  async *read(key: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
    if (range !== undefined && range.end <= range.start) return;
    const file = await openToRead(this.#pathOf(key));
    const place = range === undefined ? {} : { start: range.start, end: range.end - 1 };
    // Closes the file when it is read, when it fails, and when its reader leaves.
    const stream = file.createReadStream({ ...place, highWaterMark: readBytes });
    const failed = (cause: unknown): never => {
      throw blobsUnavailable(cause);
    };
    const pieces = stream.iterator();
    try {
      for (let piece = await pieces.next().catch(failed); piece.done !== true; piece = await pieces.next().catch(failed)) yield piece.value;
    } finally {
      stream.destroy();
    }
  }

  async delete(key: string): Promise<void> {
    const path = this.#pathOf(key);
    await onDisk(async () => {
      await rm(path, { force: true });
      // Else it could be there again after a power failure, when nobody knows of it any more.
      await syncFolder(dirname(path));
    });
  }

  sweep(beforeMs: number): Promise<number> {
    return onDisk(async () => {
      let count = 0;
      for (const name of await readdir(this.#drafts)) {
        const path = join(this.#drafts, name);
        const draft = await stat(path).catch(() => undefined);
        if (draft === undefined || draft.mtimeMs >= beforeMs) continue;
        await rm(path, { force: true });
        count += 1;
      }
      return count;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #write(draft: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const file = await onDisk(() => open(draft, 'wx', fileMode));
    try {
      for await (const piece of source) await onDisk(() => file.writeFile(piece));
      await onDisk(() => file.sync());
    } finally {
      await file.close();
    }
  }

  /** Makes a folder that outlives a power failure: each one that is new is written down in the one above it. */
  async #makeFolder(folder: string): Promise<void> {
    const topmost = await mkdir(folder, { recursive: true, mode: folderMode });
    if (topmost === undefined) return;
    for (let made = folder; made.length >= topmost.length; made = dirname(made)) await syncFolder(dirname(made));
  }

  #pathOf(key: string): string {
    return join(this.#folder, checkedBlobKey(key));
  }

  #draftPath(): string {
    return join(this.#drafts, this.#random.bytes(16).toString('hex'));
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (thrown) {
    throw codeOf(thrown) === 'ENOENT' ? blobNotFound(thrown) : blobsUnavailable(thrown);
  }
}

async function onDisk<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (thrown) {
    throw blobsUnavailable(thrown);
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder.
  if (process.platform === 'win32') return;
  let folder: FileHandle;
  try {
    folder = await open(path, constants.O_RDONLY);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return;
    throw thrown;
  }
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
