import { z } from 'zod';

/** A secret is never written into the file, only named: `${S3_SECRET}`. */
const environmentReference = z
  .string()
  .regex(/^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/, 'expected a reference to an environment variable such as ${S3_SECRET_ACCESS_KEY}, never the secret itself')
  .describe('Name of the environment variable that holds the secret, as ${NAME}.');

const bytes = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

const s3 = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/ }).describe('Where the service is, without the bucket: https://s3.eu-central-1.amazonaws.com'),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected the name of a bucket: lower-case letters, digits, dots and dashes').describe('It must exist.'),
  region: z.string().min(1).optional().describe('Default us-east-1.'),
  prefix: z.string().regex(/^[a-z0-9_-]+(\/[a-z0-9_-]+)*$/, 'expected lower-case names with / between them').optional().describe('Before every key, for a bucket with other things in it.'),
  pathStyle: z.boolean().optional().describe('The bucket stands in the path (true, the default) or before the host.'),
  accessKeyId: environmentReference,
  secretAccessKey: environmentReference,
});

/** `files:` of moongate.yaml. */
export const filesSchema = z
  .strictObject({
    folder: z.string().min(1).exactOptional().describe("Where files are kept: a folder of this server's alone. Default: files, in the data folder."),
    sharedFolder: z.string().min(1).exactOptional().describe('In place of folder: one that every server of the database has at this path. Else MOONGATE_SHARED_FILES.'),
    s3: s3.exactOptional().describe('In place of a folder: a bucket of any service that speaks S3.'),
    filesMax: z.int().min(0).max(10_000_000).exactOptional().describe('How many files a tenant may have, in each mode (live, test). Default 1000.'),
    fileBytesMax: bytes.exactOptional().describe('Largest file. Default 104857600 (100 MiB).'),
    batchFileBytesMax: bytes.exactOptional().describe('Largest input of a batch. Default 209715200 (200 MiB).'),
    totalBytesMax: bytes.exactOptional().describe('How much all files of a tenant may have, in each mode. Default 10737418240 (10 GiB).'),
  })
  .describe('Files that callers upload, and those that batches write.');
