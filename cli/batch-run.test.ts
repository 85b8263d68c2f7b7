import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminClient } from '../client/admin-client.ts';
import type { Batch } from '../client/answer.ts';
import { untilEnded } from './batch-run.ts';
import { TerminalDouble } from './terminal-double.ts';

const begun: Batch = {
  id: 'batch_1', tenant: { id: 'ten_1', name: 'acme' }, mode: 'live', keyId: 'key_1', status: 'in_progress', endpoint: '/v1/chat/completions', model: null,
  inputFileId: 'file_1', outputFileId: null, errorFileId: null, completionWindow: '24h', createdAt: '2026-06-01T00:00:00.000Z', expiresAt: '2026-06-02T00:00:00.000Z',
  startedAt: null, endedAt: null, lines: { total: 1, completed: 0, failed: 0 }, tokens: { input: 0, cached: 0, output: 0, reasoning: 0 }, charges: [], problems: [], metadata: {},
};

/** A client of a server that answers with these, one after the other. */
async function clientOf(answers: readonly (readonly [number, string])[]): Promise<AdminClient> {
  let asked = 0;
  const server = createServer((_request, response) => {
    const [status, body] = answers[asked] ?? [500, ''];
    asked += 1;
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return new AdminClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'mgadm-1' });
}

const stopping = JSON.stringify({ error: { code: 'shutting_down', message: 'the server is being stopped' } });

describe('untilEnded', () => {
  it('waits for a server that is started anew, be it behind a proxy', async () => {
    const ended = { ...begun, status: 'completed', endedAt: '2026-06-01T01:00:00.000Z' } as const;
    const client = await clientOf([[503, stopping], [502, '<html>'], [200, JSON.stringify({ batch: ended })]]);
    expect(await untilEnded(client, begun, new TerminalDouble('/'))).toEqual(ended);
  });

  it('does not wait when the server says what is wrong', async () => {
    const client = await clientOf([[404, JSON.stringify({ error: { code: 'not_found', message: 'there is no batch of that id' } })]]);
    await expect(untilEnded(client, begun, new TerminalDouble('/'))).rejects.toMatchObject({ code: 'not_found' });
  });
});
