import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canStartPostgres, type PostgresServer, startPostgres } from './doubles/postgres-server.ts';
import { type RunningServer, startServer } from './doubles/running-server.ts';

type Json = Record<string, unknown>;

const program = fileURLToPath(new URL('../src/start.mjs', import.meta.url));
const secret = 'a-shared-secret-of-more-than-thirty-two-bytes';
const config = 'sandbox: { tokensPerSecond: 0, firstTokenMs: 0 }\n';
const recovery = { timeout: 5_000, interval: 25 };

describe.skipIf(!canStartPostgres)('two servers on one database (needs postgres)', () => {
  let postgres: PostgresServer;
  let url: string;
  let one: RunningServer;
  let other: RunningServer;
  let adminToken: string;
  let liveKey: string;

  beforeAll(async () => {
    postgres = await startPostgres();
    url = await postgres.createDatabase();
    const environment = { MOONGATE_DATABASE_URL: url, MOONGATE_SECRET: secret };
    [one, other] = await Promise.all([startServer({ environment, config }), startServer({ environment, config })]);
    adminToken = one.adminToken + other.adminToken;
    liveKey = one.liveKey + other.liveKey;
  });
  afterAll(async () => {
    await Promise.all([one, other].map((server) => server?.stop()));
    await postgres?.stop();
  });

  async function admin(server: RunningServer, method: string, path: string, body?: Json): Promise<Json> {
    const response = await fetch(`${server.url}/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${adminToken}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, ...((await response.json()) as Json) };
  }

  async function createKey(server: RunningServer, label: string): Promise<{ readonly id: string; readonly secret: string }> {
    const made = (await admin(server, 'POST', '/keys', { mode: 'live', label })) as { key: { id: string }; secret: string } & Json;
    return { id: made.key.id, secret: made.secret };
  }

  async function chat(server: RunningServer, key: string): Promise<{ readonly status: number; readonly error?: Json }> {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'kimi-k2', max_tokens: 3, messages: [{ role: 'user', content: 'hi' }] }),
    });
    const { error } = (await response.json()) as { error?: Json };
    return { status: response.status, ...(error === undefined ? {} : { error }) };
  }

  const statusOfModels = async (server: RunningServer, key: string): Promise<number> =>
    (await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;

  it('make the first keys once, though both started at the same time, and have one admin token', async () => {
    expect(liveKey).toMatch(/^sk-[0-9A-Za-z]{59}$/);
    expect(adminToken).toMatch(/^mgadm-[0-9A-Za-z]{59}$/);
    for (const server of [one, other]) {
      const path = join(server.dataDir, 'admin-token');
      expect(readFileSync(path, 'utf8')).toBe(`${adminToken}\n`);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect((await admin(server, 'GET', '/keys')) as { keys: unknown[] }).toMatchObject({ keys: [{ label: 'first live key' }, { label: 'first test key' }] });
    }
  });

  it('let in on one what was made on the other, and refuse within a second what was revoked there', async () => {
    const { id, secret: key } = await createKey(one, 'shared');
    expect(await chat(other, key)).toEqual({ status: 200 });
    expect(await admin(one, 'POST', `/keys/${id}/revoke`)).toMatchObject({ status: 200 });
    await expect.poll(() => statusOfModels(other, key), { timeout: 1_000, interval: 10 }).toBe(401);
    expect(await chat(other, key)).toMatchObject({ status: 401, error: { type: 'incorrect_api_key_error' } });
  });

  it('record into one database, which either reports', async () => {
    const { secret: key } = await createKey(other, 'counted');
    for (const server of [one, other, one]) expect(await chat(server, key)).toEqual({ status: 200 });
    for (const server of [one, other]) {
      const { rows } = (await admin(server, 'GET', '/usage?by=key')) as { rows: { key: { label: string } }[] } & Json;
      expect(rows.find((row) => row.key.label === 'counted')).toMatchObject({ generations: 3 });
    }
  });

  it('still know their keys while the database is gone, bill nothing, blame nobody, and go on within 5 s of its return', async () => {
    const { secret: known } = await createKey(one, 'known');
    for (const server of [one, other]) expect(await chat(server, known)).toEqual({ status: 200 });
    await postgres.halt();
    const whileGone = [one, other].map(async (server) => {
      expect(await statusOfModels(server, known)).toBe(200);
      expect(await chat(server, known)).toMatchObject({ status: 503, error: { type: expect.any(String), message: expect.stringContaining('database') } });
      expect(await admin(server, 'GET', '/keys')).toMatchObject({ status: 503, error: { code: 'storage_unavailable' } });
    });
    await Promise.all(whileGone);
    await postgres.start();
    for (const server of [one, other]) await expect.poll(() => chat(server, known), recovery).toEqual({ status: 200 });
    expect(`${one.output()}${other.output()}`).not.toContain(secret);
  });

  it('do not start without what they must share', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moongate-replicas-'));
    const start = async (name: string, args: readonly string[], environment: Record<string, string>): Promise<{ readonly status: number | null; readonly output: string }> => {
      const child = spawn(process.execPath, [program, '--port', '0', '--data-dir', join(folder, name), ...args], {
        cwd: folder, timeout: 20_000, env: { PATH: process.env['PATH'], ...environment }, stdio: ['ignore', 'pipe', 'pipe'],
      });
      const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
      const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
      return { status, output: stdout + stderr };
    };
    const nobody = 'postgres://moongate:PASSWORD@127.0.0.1:1/moongate';
    try {
      const [alone, another, gone, checked] = await Promise.all([
        start('alone', [], { MOONGATE_DATABASE_URL: url }),
        start('another', [], { MOONGATE_DATABASE_URL: url, MOONGATE_SECRET: `${secret}-other` }),
        start('gone', [], { MOONGATE_DATABASE_URL: nobody, MOONGATE_SECRET: secret }),
        start('checked', ['config', 'check'], { MOONGATE_DATABASE_URL: nobody, MOONGATE_SECRET: secret }),
      ]);
      expect(alone).toEqual({ status: 1, output: expect.stringMatching(/^[^\n]*\nMOONGATE_SECRET: expected the root secret[^\n]*\n$/) });
      expect(another).toEqual({ status: 1, output: expect.stringMatching(/is not the one that the keys of this database were made with/) });
      expect(gone).toEqual({ status: 1, output: expect.stringMatching(/^[^\n]*\nPostgres at 127\.0\.0\.1:1, database "moongate": [^\n]*ECONNREFUSED[^\n]*\n$/) });
      expect(checked).toEqual({ status: 0, output: expect.stringContaining('database      Postgres at 127.0.0.1:1, database "moongate"') });
      expect(gone.output + checked.output).not.toContain('PASSWORD');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
