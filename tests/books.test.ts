import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../cli/run.ts';
import { TerminalDouble } from '../cli/terminal-double.ts';
import { hasPostgres, openPostgres } from './doubles/postgres-server.ts';
import { type RunningServer, startServer } from './doubles/running-server.ts';

const cliProgram = fileURLToPath(new URL('../cli/moongate.mjs', import.meta.url));
const serverProgram = fileURLToPath(new URL('../src/start.mjs', import.meta.url));
let folder: string;
let dataDir: string;
let server: RunningServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-money-'));
  dataDir = join(folder, 'data');
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program as a process of its own, in the folder that holds `data`. */
async function programOf(path: string, argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [path, ...argv], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], ...environment } });
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}

/** The command line within this process: what it asks the server for is the same. */
async function moongate(...argv: readonly string[]): Promise<Outcome> {
  const terminal = new TerminalDouble(folder);
  const code = await run(argv, terminal);
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

const json = async (...argv: readonly string[]): Promise<unknown> => JSON.parse((await moongate(...argv, '--json')).stdout);
const verify = (...argv: readonly string[]): Promise<Outcome> => programOf(serverProgram, ['ledger', 'verify', ...argv]);
const verifyJson = async (...argv: readonly string[]): Promise<unknown> => JSON.parse((await verify(...argv, '--json')).stdout);

interface Proof {
  readonly ok: boolean;
  readonly laws: readonly { readonly law: string; readonly breach: string | null }[];
  readonly totals: readonly { readonly currency: string; readonly kind: string; readonly balance: string }[];
}

describe('money, from end to end', () => {
  it('is given, topped up and proved, with the server running, stopped and killed, and after somebody changed a row', { timeout: 60_000 }, async () => {
    server = await startServer({ dataDir, config: "money: { trialCredit: '1.00 USD' }\n" });
    expect(await json('tenants', 'create', 'acme', '--prepaid')).toMatchObject({ tenant: { billing: 'prepaid' }, wallets: [{ balance: '1', trial: '1' }], note: null });
    const made = (await json('keys', 'create', '--tenant', 'acme', '--rpm', '30', '--budget', '5 USD/day')) as { key: object; secret: string };
    expect(made.key).toMatchObject({ tenant: { name: 'acme' }, limits: { all: { rpm: 30 } }, budgets: [{ amount: '5', period: 'day' }] });
    expect((await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${made.secret}` } })).status).toBe(200);
    const payment = ['credits', 'add', '20 USD', '--tenant', 'acme', '--reference', 'invoice-1'];
    expect(await moongate(...payment)).toMatchObject({ code: 0 });
    expect(await moongate(...payment)).toMatchObject({ code: 1, stderr: expect.stringContaining('booked already') });
    expect(await json('tenants', 'show', 'acme')).toMatchObject({ wallets: [{ balance: '21', toppedUp: '20', trial: '1' }] });

    const running = await programOf(cliProgram, ['ledger', 'verify']);
    expect(running).toMatchObject({ code: 0, stderr: '' });
    expect(running.stdout).toMatch(/^ok {6}each balance is the sum of its transfers$[^]*^USD {2}sum +0$[^]*^2 transfers, 0 calls with an open hold$[^]*The books are sound/m);
    await server.kill();
    expect(await verifyJson()).toMatchObject({ ok: true, transfers: 2 });
    server = await startServer({ dataDir });
    await server.stop();
    server = undefined;
    const stopped = (await verifyJson()) as Proof;
    expect(stopped.totals).toEqual([{ currency: 'USD', kind: 'funding', balance: '-20' }, { currency: 'USD', kind: 'trial', balance: '-1' }, { currency: 'USD', kind: 'wallet', balance: '21' }]);

    const file = new DatabaseSync(join(dataDir, 'moongate.db'));
    file.exec("UPDATE ledger_balances SET posted_nanos = posted_nanos + 1000000000 WHERE kind = 'wallet'");
    file.close();
    const changed = await verify();
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(/^BROKEN {2}each balance is the sum of its transfers\n {8}first: wallet\/ten_\w+\/USD \(posted, 22 instead of 21\)$[^]*^BROKEN {2}the accounts in USD sum to zero\n {8}first: they sum to 1$[^]*NOT sound: 2 of/m);
    const proof = await verify('--json');
    expect([proof.code, (JSON.parse(proof.stdout) as Proof).ok]).toEqual([1, false]);
  });
});

describe('ledger verify', () => {
  it('says that there is nothing to verify, and makes nothing', async () => {
    const { code, stderr, stdout } = await verify('--data-dir', 'nowhere');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^moongate: the books cannot be verified: there is no database at .*nowhere\/moongate\.db; name the data folder/);
    expect(await verifyJson('--data-dir', 'nowhere')).toEqual({ error: { code: 'not_verified', message: expect.stringContaining('no database') } });
  });

  it('says that a file is no database', async () => {
    writeFileSync(join(folder, 'moongate.db'), 'not a database, though it is longer than the header of one, and has no tables in it at all. '.repeat(4));
    const { code, stderr } = await verify('--data-dir', '.');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^moongate: the books cannot be verified: .*not a database/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe.skipIf(!hasPostgres)('ledger verify on Postgres (needs postgres)', () => {
  it('proves the books beside the server and without it, and tells nobody the password', { timeout: 60_000 }, async () => {
    const host = await openPostgres();
    try {
      const environment = { MOONGATE_DATABASE_URL: await host.createDatabase(), MOONGATE_SECRET: 'a-shared-secret-of-more-than-thirty-two-bytes' };
      const prove = (): Promise<Outcome> => programOf(serverProgram, ['ledger', 'verify', '--json'], environment);
      expect(await prove()).toMatchObject({ code: 1, stdout: expect.stringContaining('"not_verified"') });
      server = await startServer({ dataDir, environment });
      expect(await moongate('credits', 'add', '20 USD')).toMatchObject({ code: 0 });
      expect(JSON.parse((await prove()).stdout)).toMatchObject({ ok: true, transfers: 1 });
      await server.stop();
      expect(await prove()).toMatchObject({ code: 0 });
      const nobody = { ...environment, MOONGATE_DATABASE_URL: 'postgres://moongate:PASSWORD@127.0.0.1:1/moongate' };
      const { code, stdout, stderr } = await programOf(serverProgram, ['ledger', 'verify'], nobody);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^moongate: the books cannot be verified: Postgres at 127\.0\.0\.1:1, database "moongate": .*ECONNREFUSED/);
      expect(stderr).not.toContain('PASSWORD');
    } finally {
      await server?.stop();
      server = undefined;
      await host.stop();
    }
  });
});
