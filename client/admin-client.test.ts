import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { AdminClient } from './admin-client.ts';
import { AdminError } from './admin-error.ts';

const token = 'mgadm-secret-token';
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** A server that answers as told, and its address. */
async function serverOf(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

function answering(status: number, body: unknown): Promise<string> {
  return serverOf((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

async function failureOf(call: Promise<unknown>): Promise<AdminError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof AdminError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

const key = {
  id: 'key_1', tenant: { id: 'ten_1', name: 'default' }, label: null, display: 'sk-test-1…', mode: 'test', state: 'active', models: null,
  limits: null, budgets: [], createdAt: '2026-01-31T10:00:00.000Z', expiresAt: null, revokedAt: null,
};

describe('AdminClient.call', () => {
  it('puts path fields into the path, the others into query or body, and the token into a header', async () => {
    const seen: unknown[] = [];
    const url = await serverOf(async (request, response) => {
      seen.push([request.method, request.url, request.headers.authorization, await text(request)]);
      const body = request.url?.endsWith('/keys') === true ? { key, secret: 'sk-test-1' } : request.url?.includes('/keys/') === true ? { key } : { generations: [], next: null };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    const client = new AdminClient({ url: `${url}/`, token });
    expect(await client.call('createKey', { mode: 'test', label: undefined, models: ['a'] })).toEqual({ key, secret: 'sk-test-1' });
    expect(await client.call('revokeKey', { id: 'key/../1?x' })).toEqual({ key });
    await client.call('generations', { limit: 5, before: 'gen_é&1' });
    await client.call('generations', {});
    const bearer = `Bearer ${token}`;
    expect(seen).toEqual([
      ['POST', '/admin/v1/keys', bearer, '{"mode":"test","models":["a"]}'],
      ['POST', '/admin/v1/keys/key%2F..%2F1%3Fx/revoke', bearer, '{}'],
      ['GET', '/admin/v1/generations?limit=5&before=gen_%C3%A9%261', bearer, ''],
      ['GET', '/admin/v1/generations', bearer, ''],
    ]);
  });

  it("turns the server's refusal into an AdminError with its code, field and status", async () => {
    const url = await answering(400, { error: { code: 'invalid_request', message: 'no', field: 'models.0' } });
    const failure = await failureOf(new AdminClient({ url, token }).call('info', {}));
    expect(failure).toMatchObject({ code: 'invalid_request', message: 'no', field: 'models.0', status: 400 });
  });

  it.each([
    [502, '<html>bad gateway</html>'],
    [200, '<html>welcome</html>'],
    [500, { message: 'something else' }],
    [404, 'null'],
  ])('says that no Moongate answers: status %i, %j', async (status, body) => {
    const failure = await failureOf(new AdminClient({ url: await answering(status, body), token }).call('listKeys', {}));
    expect(failure).toMatchObject({ code: 'invalid_reply', status });
    expect(failure.message).toContain('no Moongate');
  });

  it('says where an answer breaks the contract', async () => {
    const url = await answering(200, { keys: [{ ...key, createdAt: 'yesterday' }] });
    const failure = await failureOf(new AdminClient({ url, token }).call('listKeys', {}));
    expect(failure.code).toBe('invalid_reply');
    expect(failure.message).toContain('keys.0.createdAt');
  });

  it('follows no redirect: the token is for one address', async () => {
    let reached = false;
    const other = await serverOf((_request, response) => {
      reached = true;
      response.end('{}');
    });
    const url = await serverOf((_request, response) => response.writeHead(307, { location: other }).end());
    expect((await failureOf(new AdminClient({ url, token }).call('info', {}))).code).toBe('unreachable');
    expect(reached).toBe(false);
  });

  it('says that nobody listens', async () => {
    const url = await answering(200, {});
    for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
    const failure = await failureOf(new AdminClient({ url, token }).call('info', {}));
    expect(failure).toMatchObject({ code: 'unreachable', message: `no server is running on ${url}`, status: undefined });
  });

  it.each([['before the headers', false], ['within the body', true]])('gives up after its time: silence %s', async (_where, begin) => {
    const url = await serverOf((_request, response) => {
      if (begin) response.writeHead(200, { 'content-type': 'application/json' }).write('{"keys":');
    });
    expect((await failureOf(new AdminClient({ url, token, timeoutMs: 100 }).call('listKeys', {}))).code).toBe('timed_out');
  });

  it('never has the token in an error', async () => {
    for (const url of [await answering(401, { error: { code: 'unauthenticated', message: 'no' } }), 'http://127.0.0.1:1', 'http://nowhere.invalid']) {
      const failure = await failureOf(new AdminClient({ url, token }).call('info', {}));
      expect(`${failure.message} ${failure.stack} ${String(failure.cause)}`).not.toContain(token);
    }
  });
});
