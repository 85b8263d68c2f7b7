import { join, resolve } from 'node:path';
import { type FileLimits, fileLimitsDefault } from '../documents/file-limits.ts';
import type { S3BlobStoreOptions } from '../storage/blobs/s3-blob-store.ts';
import type { ConfigDocument, ConfigProblem } from './config-file.ts';
import type { ReadVariable } from './environment-reader.ts';

/** Where files are kept. */
export type FileStoreConfig =
  /** `shared`: every server of the database has it at that path. */
  | { readonly kind: 'disk'; readonly folder: string; readonly shared: boolean }
  | ({ readonly kind: 's3' } & S3BlobStoreOptions);

export interface FilesConfig {
  readonly store: FileStoreConfig;
  readonly limits: FileLimits;
}

/** Reads `files:` and MOONGATE_SHARED_FILES. What is wrong is added to `problems`; secrets are not repeated. */
export function filesConfig(document: ConfigDocument, dataDir: string, read: ReadVariable, problems: ConfigProblem[]): FilesConfig {
  const { folder, sharedFolder, s3, ...limits } = document.file.files ?? {};
  const named = Object.entries({ folder, sharedFolder, s3 }).filter(([, value]) => value !== undefined);
  if (named.length > 1) problems.push(document.problemAt(['files'], `expected one place, not ${named.map(([name]) => name).join(' and ')}`));
  const shared = read('MOONGATE_SHARED_FILES');
  if (shared !== undefined && named.length > 0) {
    problems.push({ source: 'MOONGATE_SHARED_FILES', message: `expected one place: ${named.map(([name]) => `files.${name}`).join(', ')} of the configuration file is set too` });
  }
  const path = shared ?? sharedFolder;
  const disk: FileStoreConfig = { kind: 'disk', folder: resolve(path ?? folder ?? join(dataDir, 'files')), shared: path !== undefined };
  return { store: s3Config(document, read, problems) ?? disk, limits: { ...fileLimitsDefault, ...limits } };
}

function s3Config(document: ConfigDocument, read: ReadVariable, problems: ConfigProblem[]): FileStoreConfig | undefined {
  const s3 = document.file.files?.s3;
  if (s3 === undefined) return undefined;
  const secret = (field: 'accessKeyId' | 'secretAccessKey'): string => {
    const name = s3[field].slice(2, -1);
    const value = read(name);
    if (value === undefined) problems.push(document.problemAt(['files', 's3', field], `expected it in the environment variable ${name}, which is not set`));
    return value ?? '';
  };
  return {
    kind: 's3', endpoint: s3.endpoint, bucket: s3.bucket, region: s3.region ?? 'us-east-1', prefix: s3.prefix ?? '', pathStyle: s3.pathStyle ?? true,
    accessKeyId: secret('accessKeyId'), secretAccessKey: secret('secretAccessKey'),
  };
}
