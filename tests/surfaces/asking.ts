import { request as httpRequest } from 'node:http';
import type { RunningServer } from '../doubles/running-server.ts';

type Json = Readonly<Record<string, unknown>>;

export interface Asked {
  /** Empty: none. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** Sends `body`, as JSON unless it is text or bytes already, with the test key unless another is given. */
export async function ask(server: RunningServer, path: string, body: unknown, { key = server.testKey, headers = {}, method = 'POST' }: Asked = {}): Promise<Answered> {
  const raw: string | Uint8Array<ArrayBuffer> | undefined = typeof body === 'string' ? body : isBytes(body) ? body : JSON.stringify(body);
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...(key === '' ? {} : { authorization: `Bearer ${key}` }), ...headers },
    ...(raw === undefined ? {} : { body: raw }),
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
}

function isBytes(body: unknown): body is Uint8Array<ArrayBuffer> {
  return body instanceof Uint8Array;
}

/** Begins an upload of so many bytes. fetch gives up on one that is refused; a plain request reads the answer that came early. */
export function askLarge(server: RunningServer, path: string, bytes: number): Promise<{ status: number; body: Json }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'authorization': `Bearer ${server.testKey}`, 'content-length': bytes },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Json }));
    });
    request.write(Buffer.alloc(100_000, 0x20));
  });
}

/** A test key of a tenant that has nothing in common with the server's first one. */
export async function strangersKey(server: RunningServer): Promise<string> {
  const headers = { authorization: `Bearer ${server.adminToken}` };
  await ask(server, '/admin/v1/tenants', { name: 'stranger' }, { headers });
  return String((await ask(server, '/admin/v1/keys', { tenant: 'stranger', mode: 'test' }, { headers })).body['secret']);
}
