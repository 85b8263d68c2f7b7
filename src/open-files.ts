import { systemClock } from './base/clock.ts';
import { type Log, stackOf } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import { RecurringTask } from './base/recurring-task.ts';
import { Sealer } from './base/sealer.ts';
import type { RootSecret } from './base/secret.ts';
import { StartRefusal } from './base/start-refusal.ts';
import type { Config } from './config/config.ts';
import type { FileStoreConfig } from './config/files-config.ts';
import type { Extractor } from './documents/extraction.ts';
import { FileRows } from './documents/file-rows.ts';
import { FileTexts } from './documents/file-texts.ts';
import { Files } from './documents/files.ts';
import { LooseBlobs } from './documents/loose-blobs.ts';
import { UploadRows } from './documents/upload-rows.ts';
import { Uploads } from './documents/uploads.ts';
import { FileParts } from './gateway/file-parts.ts';
import { PromptCounting } from './gateway/prompt-counting.ts';
import type { BlobStore } from './storage/blobs/blob-store.ts';
import { DiskBlobStore } from './storage/blobs/disk-blob-store.ts';
import { S3BlobStore } from './storage/blobs/s3-blob-store.ts';
import { SealedBlobStore } from './storage/blobs/sealed-blob-store.ts';
import type { Database } from './storage/database.ts';
import type { TokenCounter } from './tokens/token-counter.ts';

export interface FilesParts {
  readonly config: Pick<Config, 'files' | 'databaseUrl'>;
  readonly database: Database;
  /** No other server works on this database. */
  readonly alone: boolean;
  readonly secret: RootSecret;
  readonly counter: Pick<TokenCounter, 'countText' | 'estimateText' | 'countRequest' | 'estimateRequest'>;
  readonly extractor: Extractor;
  readonly log: Log;
}

/** Files, and what they say. */
export interface OpenFiles {
  readonly files: Files;
  readonly texts: FileTexts;
  readonly uploads: Uploads;
  /** For the prompts that name files. */
  readonly parts: FileParts;
  readonly counting: PromptCounting;
}

const sweepMs = 60_000;
/** Another server that shares the store may be writing: nothing takes so long. */
const unfinishedMs = 86_400_000;

/**
 * Opens the store of files that the configuration names. Sweeping ends with `stack`, before the database is closed. Throws `StartRefusal`
 * when the store cannot be used, or is this server's alone while the database is shared.
 */
export async function openFiles({ config, database, alone, secret, counter, extractor, log }: FilesParts, stack: AsyncDisposableStack): Promise<OpenFiles> {
  const store = await openStore(config.files.store, alone);
  const blobs = stack.use(new SealedBlobStore(store, secret.derive('blob-encryption', 1), systemRandom));
  const sealer = new Sealer(secret.derive('encryption', 1), systemRandom);
  const shared = { database, blobs, sealer, clock: systemClock, random: systemRandom };
  const loose = new LooseBlobs(shared);
  const texts = new FileTexts({ ...shared, loose, countTokens: (text) => tokensOf(counter, text), extractor });
  const rows = new FileRows(shared);
  const files = new Files({ ...shared, rows, loose, texts, contentKey: secret.derive('content-id', 1), limits: config.files.limits });
  const uploads = new Uploads({ ...shared, rows, uploadRows: new UploadRows(shared), loose, files });
  if (alone) await loose.disownAll();
  stack.use(sweeping({ files, uploads, blobs, alone, log }));
  const parts = filePartsOf(files, texts, extractor);
  return { files, texts, uploads, parts, counting: new PromptCounting({ files: parts, counter }) };
}

/** The tokens of a text: K2's own count, or the best guess without its tokenizer, as for prompts. */
async function tokensOf(counter: Pick<TokenCounter, 'countText' | 'estimateText'>, text: string): Promise<{ readonly tokens: number; readonly exact: boolean }> {
  const counted = await counter.countText(text);
  return counted.exact ? counted : { tokens: counter.estimateText(text), exact: false };
}

function filePartsOf(files: Files, texts: FileTexts, extractor: Extractor): FileParts {
  return new FileParts({
    file: (scope, id) => files.get(scope, id),
    read: (file) => files.open(file),
    textOf: async (file, signal) => (await texts.textOf(file, signal)).text,
    extract: (source, signal) => extractor.extract(source, signal),
  });
}

async function openStore(store: FileStoreConfig, alone: boolean): Promise<BlobStore> {
  if (store.kind === 's3') return S3BlobStore.open(store, systemClock);
  if (!alone && !store.shared) {
    throw new StartRefusal(
      `files would be kept in ${store.folder}, which the other servers of the database cannot see; set files.s3 in moongate.yaml, `
        + 'or, if every server has the same folder (NFS, a shared volume), MOONGATE_SHARED_FILES or files.sharedFolder to its path',
    );
  }
  return DiskBlobStore.open(store.folder, systemRandom);
}

interface Sweeping {
  readonly files: Files;
  readonly uploads: Uploads;
  readonly blobs: BlobStore;
  readonly alone: boolean;
  readonly log: Log;
}

/** What has expired goes soon, what a crash has left at once, if nobody else can be at it. */
function sweeping({ files, uploads, blobs, alone, log }: Sweeping): RecurringTask {
  let first = true;
  return new RecurringTask({
    clock: systemClock,
    atOnce: true,
    everyMs: sweepMs,
    async run(signal) {
      const nowMs = systemClock.nowMs();
      await blobs.sweep(first && alone ? nowMs : nowMs - unfinishedMs);
      first = false;
      await uploads.sweep(signal);
      const count = await files.sweep(signal);
      if (count > 0) log.write('info', 'files that had expired have been removed', { count });
    },
    onFailure(cause) {
      const stack = stackOf(cause);
      log.write('warn', 'files could not be swept; it is tried again', stack === undefined ? {} : { stack });
    },
  });
}
