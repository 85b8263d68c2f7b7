import { describe, expect, it } from 'vitest';
import { fileLimitsDefault } from '../documents/file-limits.ts';
import { type ConfigProblem, parseConfig } from './config-file.ts';
import { environmentReader } from './environment-reader.ts';
import { type FilesConfig, filesConfig } from './files-config.ts';

function read(text: string, environment: Record<string, string> = {}): { config: FilesConfig; problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const config = filesConfig(parseConfig(text, 'moongate.yaml'), '/data', environmentReader(environment), problems);
  return { config, problems };
}

const s3 = "files:\n  s3: { endpoint: 'https://s3.example', bucket: my-files, accessKeyId: '${ID}', secretAccessKey: '${SECRET}' }\n";

describe('files: of the configuration', () => {
  it('is a folder of the data folder, with the limits of Moonshot, when nothing is said', () => {
    expect(read('')).toEqual({ config: { store: { kind: 'disk', folder: '/data/files', shared: false }, limits: fileLimitsDefault }, problems: [] });
  });

  it('takes a folder, a shared one by file or environment, and limits', () => {
    expect(read('files: { folder: /mnt/a, filesMax: 5 }').config).toEqual({ store: { kind: 'disk', folder: '/mnt/a', shared: false }, limits: { ...fileLimitsDefault, filesMax: 5 } });
    expect(read('files: { sharedFolder: /mnt/b }').config.store).toEqual({ kind: 'disk', folder: '/mnt/b', shared: true });
    expect(read('', { MOONGATE_SHARED_FILES: '/mnt/c' }).config.store).toEqual({ kind: 'disk', folder: '/mnt/c', shared: true });
  });

  it('takes a bucket whose credentials are in the environment', () => {
    expect(read(s3, { ID: 'id', SECRET: 'secret' })).toMatchObject({
      config: { store: { kind: 's3', endpoint: 'https://s3.example', bucket: 'my-files', region: 'us-east-1', prefix: '', pathStyle: true, accessKeyId: 'id', secretAccessKey: 'secret' } }, problems: [],
    });
    expect(read(s3, { ID: 'id' }).problems).toEqual([{ source: 'moongate.yaml', line: 2, message: 'files.s3.secretAccessKey: expected it in the environment variable SECRET, which is not set' }]);
  });

  it('takes one place only', () => {
    expect(read('files: { folder: a, sharedFolder: b }').problems).toEqual([{ source: 'moongate.yaml', line: 1, message: 'files: expected one place, not folder and sharedFolder' }]);
    expect(read('files: { folder: a }', { MOONGATE_SHARED_FILES: '/b' }).problems).toEqual([{ source: 'MOONGATE_SHARED_FILES', message: expect.stringContaining('files.folder of the configuration file is set too') }]);
  });

  it('takes no secret as it is, and no bucket that cannot be one', () => {
    expect(() => read(s3.replace('${SECRET}', 'hunter2'))).toThrow(/never the secret itself/);
    expect(() => read(s3.replace('my-files', 'My Files'))).toThrow(/expected the name of a bucket/);
  });
});
