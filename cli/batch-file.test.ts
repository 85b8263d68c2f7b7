import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type BatchFileFacts, readBatchFile } from './batch-file.ts';

function read(text: string, size = 7): Promise<BatchFileFacts> {
  const bytes = Buffer.from(text);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  return readBatchFile(pieces(), '/v1/chat/completions');
}

describe('readBatchFile', () => {
  it('ends lines where the server does, however the bytes come', async () => {
    const text = `\uFEFF{"custom_id":"a","body":{"q":"one\u2028two\u2029three\u0085 中文"}}\r\n\r\n \n{"custom_id":"b","body":{}}`;
    const facts = { digest: createHash('sha256').update(text).digest('hex'), lineCount: 2, problems: [] };
    for (const size of [1, 7, 1_000]) expect(await read(text, size)).toEqual(facts);
    expect(await read(`${text}\n`)).toMatchObject({ lineCount: 2, problems: [] });
  });

  it('names the line that is wrong', async () => {
    expect((await read('\n{"custom_id":"a","body":{}}\nnone\n')).problems).toEqual(['line 3: this is not JSON']);
    expect((await read('\n')).problems).toEqual(['there are no requests in it']);
  });
});
