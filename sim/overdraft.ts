import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from 'undici';
import { openBooks } from '../src/open-books.ts';
import { verifyBooks } from '../src/verify-books.ts';
import { AdminClient } from '../client/admin-client.ts';
import { type RunningServer, startServer } from '../tests/doubles/running-server.ts';
import { MoneyUpstream } from './money-upstream.ts';

export interface OverdraftOptions {
  /** Servers that share the database; more than one needs Postgres. */
  readonly processes: number;
  readonly calls: number;
  /** For how many of them the wallet has enough. */
  readonly enoughFor: number;
  /** Postgres; undefined: SQLite in the data folder. */
  readonly databaseUrl?: string;
}

export interface OverdraftReport {
  readonly accepted: number;
  /** Refused with 429 and Moonshot's type for an empty account. */
  readonly refused: number;
  /** Answered otherwise; should be zero. */
  readonly others: number;
  /** What may still be spent at the moment when all that were let in are under way, and at the end. */
  readonly availableAtPeak: string;
  readonly availableAtEnd: string;
  readonly breaches: readonly string[];
}

/**
 * Sends `calls` calls at once on a prepaid balance that is exactly enough to hold `enoughFor` of them, and lets none be answered
 * until all have been let in or refused: so many must be let in, whatever the number of servers.
 */
export async function runOverdraft({ processes, calls, enoughFor, databaseUrl }: OverdraftOptions): Promise<OverdraftReport> {
  const folder = mkdtempSync(join(tmpdir(), 'moongate-overdraft-'));
  const servers: RunningServer[] = [];
  await using upstream = await MoneyUpstream.start(1);
  try {
    for (let index = 0; index < processes; index += 1) servers.push(await startServer(serverStart(folder, index, upstream.baseUrl, databaseUrl)));
    const [first] = servers;
    if (first === undefined) throw new Error('there must be at least one server');
    const admin = new AdminClient({ url: first.url, token: first.adminToken });
    const key = await openPrepaid(admin);
    const dispatcher = new Agent({ connections: null });
    const ask = (index: number): Promise<number> => call(servers[index % processes]?.url ?? '', key, dispatcher);
    let release = upstream.hold();
    const probe = ask(0);
    const ceilingNanos = await heldNanos(admin);
    release();
    await probe;
    await addCredits(admin, BigInt(enoughFor) * ceilingNanos - (await availableNanos(admin)));
    release = upstream.hold();
    const statuses: number[] = [];
    const answers = Array.from({ length: calls }, async (_, index) => statuses.push(await ask(index)));
    await until(() => statuses.length + upstream.calls.length - 1 >= calls);
    const availableAtPeak = await availableNanos(admin);
    release();
    await Promise.all(answers);
    const availableAtEnd = await availableNanos(admin);
    for (const server of servers) await server.stop();
    await dispatcher.close();
    const count = (status: number): number => statuses.filter((one) => one === status).length;
    return {
      accepted: count(200), refused: count(429), others: calls - count(200) - count(429),
      availableAtPeak: String(availableAtPeak), availableAtEnd: String(availableAtEnd),
      breaches: await breachesOf(join(folder, 'data-0'), databaseUrl),
    };
  } finally {
    for (const server of servers) await server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const tenant = 'pays-before';

function serverStart(folder: string, index: number, baseUrl: string, databaseUrl: string | undefined): Parameters<typeof startServer>[0] {
  return {
    dataDir: join(folder, `data-${index}`),
    environment: {
      MOONSHOT_API_KEY: 'sk-sim', MOONSHOT_BASE_URL: baseUrl,
      ...(databaseUrl === undefined ? {} : { MOONGATE_DATABASE_URL: databaseUrl, MOONGATE_SECRET: 's'.repeat(32) }),
    },
  };
}

async function openPrepaid(admin: AdminClient): Promise<string> {
  await admin.call('createTenant', { name: tenant, prepaid: true, currency: 'USD' });
  const { secret } = await admin.call('createKey', { tenant });
  await admin.call('addCredits', { tenant, amount: '0.01', currency: 'USD' });
  return secret;
}

async function addCredits(admin: AdminClient, nanos: bigint): Promise<void> {
  await admin.call('addCredits', { tenant, amount: `${nanos / 1_000_000_000n}.${String(nanos % 1_000_000_000n).padStart(9, '0')}`, currency: 'USD' });
}

const availableNanos = async (admin: AdminClient): Promise<bigint> => toNanos((await walletOf(admin)).available ?? '');

/** What the one call that is under way holds. */
async function heldNanos(admin: AdminClient): Promise<bigint> {
  let held = 0n;
  await until(async () => {
    held = toNanos((await walletOf(admin)).held);
    return held > 0n;
  });
  return held;
}

async function walletOf(admin: AdminClient): Promise<{ readonly held: string; readonly available: string | null }> {
  const { wallets } = await admin.call('showTenant', { tenant });
  if (wallets[0] === undefined) throw new Error('the tenant has no wallet');
  return wallets[0];
}

function toNanos(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(9, '0'));
}

async function call(url: string, key: string, dispatcher: Agent): Promise<number> {
  const { statusCode, body } = await dispatcher.request({
    origin: url, path: '/v1/chat/completions', method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'kimi-k2-thinking', max_tokens: 64, messages: [{ role: 'user', content: 'Hello!' }] }),
  });
  const text = await body.text();
  // Any other refusal would hide behind the same status.
  return statusCode === 429 && !text.includes('exceeded_current_quota_error') ? 0 : statusCode;
}

async function breachesOf(dataDir: string, databaseUrl: string | undefined): Promise<readonly string[]> {
  await using books = await openBooks({ dataDir, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
  const { laws } = await verifyBooks(books, Date.now());
  return laws.flatMap(({ law, breach }) => (breach === undefined ? [] : [`${law}: ${breach}`]));
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const giveUpMs = performance.now() + 60_000; !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (performance.now() > giveUpMs) throw new Error('waited a minute for what did not come');
  }
}
