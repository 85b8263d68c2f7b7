import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/fault.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Sealer } from '../../src/base/sealer.ts';
import { parseRootSecret } from '../../src/base/secret.ts';
import type { Extractor } from '../../src/documents/extraction.ts';
import { type FileLimits, fileLimitsDefault } from '../../src/documents/file-limits.ts';
import { FileRows, type FileRowsParts } from '../../src/documents/file-rows.ts';
import { FileTexts } from '../../src/documents/file-texts.ts';
import { Files } from '../../src/documents/files.ts';
import { LooseBlobs } from '../../src/documents/loose-blobs.ts';
import { UploadRows } from '../../src/documents/upload-rows.ts';
import { Uploads } from '../../src/documents/uploads.ts';
import type { BlobStore } from '../../src/storage/blobs/blob-store.ts';
import { DiskBlobStore } from '../../src/storage/blobs/disk-blob-store.ts';
import { SealedBlobStore } from '../../src/storage/blobs/sealed-blob-store.ts';
import type { Database } from '../../src/storage/database.ts';

/** The room of documents, as one server has it. */
export interface DocumentRooms {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly loose: LooseBlobs;
  readonly rows: FileRows;
  readonly texts: FileTexts;
  readonly files: Files;
  readonly uploads: Uploads;
}

export interface DocumentWish {
  readonly database: Database;
  /** Of its blobs. */
  readonly folder: string;
  readonly extractor?: Extractor;
  readonly limits?: FileLimits;
  readonly clock?: Clock;
  readonly needed?: FileRowsParts['needed'];
  /** Put between the rooms and the sealed store. */
  wrap?(blobs: BlobStore): BlobStore;
}

/** For tests in which nothing is read. */
const readsNothing: Extractor = {
  version: '0',
  extract: () => Promise.reject(new Fault('document_unreadable')),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Opens the room of documents over `database` and a folder; every one has the same root secret, as replicas have. */
export async function openDocuments({ database, folder, extractor = readsNothing, limits = fileLimitsDefault, clock = systemClock, needed, wrap = (blobs) => blobs }: DocumentWish): Promise<DocumentRooms> {
  const secret = parseRootSecret('s'.repeat(32));
  const blobs = wrap(new SealedBlobStore(await DiskBlobStore.open(folder, systemRandom), secret.derive('blob-encryption', 1), systemRandom));
  const shared = { database, blobs, sealer: new Sealer(secret.derive('encryption', 1), systemRandom), clock, random: systemRandom };
  const loose = new LooseBlobs(shared);
  const countTokens = async (text: string): Promise<{ tokens: number; exact: boolean }> => ({ tokens: text.length, exact: false });
  const texts = new FileTexts({ ...shared, loose, countTokens, extractor });
  const rows = new FileRows({ ...shared, ...(needed === undefined ? {} : { needed }) });
  const files = new Files({ ...shared, rows, loose, texts, contentKey: secret.derive('content-id', 1), limits });
  const uploads = new Uploads({ ...shared, rows, uploadRows: new UploadRows(shared), loose, files });
  return { database, blobs, loose, rows, texts, files, uploads };
}
