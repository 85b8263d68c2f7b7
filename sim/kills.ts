import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startServer } from '../tests/doubles/running-server.ts';
import { houseMigrations } from '../src/house-migrations.ts';
import { openPostgresDatabase } from '../src/storage/postgres-database.ts';
import { SqliteDatabase } from '../src/storage/sqlite-database.ts';
import type { Database } from '../src/storage/database.ts';
import { backgroundUntilGone, countHung } from './background-caller.ts';
import { type BooksReading, readBooks, type Witnesses } from './books-reading.ts';
import { MoneyUpstream } from './money-upstream.ts';
import { RandomStream } from './random-stream.ts';

export interface KillsOptions {
  readonly kills: number;
  readonly seed: number;
  readonly clients: number;
  /** Postgres to keep the books in; undefined: SQLite in the data folder. */
  readonly databaseUrl?: string;
  /** Clients have responses made in the background in place of asking for chat completions. */
  readonly background?: boolean;
  readonly onProgress?: (line: string) => void;
}

/** What a run of kills came to. Every count but the first three should be zero. */
export interface KillsReport extends BooksReading {
  readonly kills: number;
  /** Replies that a client has had whole. */
  readonly acknowledged: number;
  readonly upstreamCalls: number;
  /** Background responses that were accepted and have not ended after the last start. */
  readonly hung: number;
  /** From the start of the process to its greeting, after a kill; the 95th of a hundred. */
  readonly readyMsP95: number;
}

/** How long money may stay held after its server died (reliability.md, T01). */
const heldMsMax = 60_000;

/** How long what the dead have left of background responses may take to end: on Postgres they count as alive for 20 s. */
const endedMsMax = 40_000;

/** Places in the life of a call at which a server can be told to die by itself (`MOONGATE_CRASH_AT`), and "random": from outside. */
const crashPoints = ['random', 'random', 'after-hold', 'first-event', 'before-settle', 'after-settle'] as const;

/**
 * Kills a real server with -9 again and again, at random and at named points, while clients call it, and then reads the
 * books: whatever a client has had whole must be there and be charged once, and no money may be missing or held.
 */
export async function runKills(options: KillsOptions): Promise<KillsReport> {
  const random = new RandomStream(options.seed);
  const folder = mkdtempSync(join(tmpdir(), 'moongate-kills-'));
  await using upstream = await MoneyUpstream.start(4);
  const acknowledged: string[] = [];
  const accepted: string[] = [];
  const readyMs: number[] = [];
  let liveKey = '';
  const start = async (crashAt: string | undefined): Promise<RunningServer> => {
    const begunMs = performance.now();
    const server = await startServer({
      dataDir: join(folder, 'data'),
      environment: {
        MOONSHOT_API_KEY: 'sk-sim', MOONSHOT_BASE_URL: upstream.baseUrl,
        ...(options.databaseUrl === undefined ? {} : { MOONGATE_DATABASE_URL: options.databaseUrl, MOONGATE_SECRET: 's'.repeat(32) }),
        ...(crashAt === undefined ? {} : { MOONGATE_CRASH_AT: crashAt }),
      },
    });
    readyMs.push(performance.now() - begunMs);
    if (liveKey === '') ({ liveKey } = server);
    return server;
  };
  try {
    await (await start(undefined)).stop();
    readyMs.length = 0;
    for (let kill = 1; kill <= options.kills; kill += 1) {
      const point = random.pick(crashPoints);
      const server = await start(point === 'random' ? undefined : `${point}:${random.between(1, 60)}`);
      const abort = new AbortController();
      const clients = Array.from({ length: options.clients }, (_, client) =>
        options.background === true
          ? backgroundUntilGone(server.url, liveKey, client, abort.signal, { accepted, acknowledged })
          : callUntilGone(server.url, liveKey, client, abort.signal, acknowledged));
      // By replies and not by time, so that a busy machine sees as many. A named point that is not reached is a random one after all.
      const enough = acknowledged.length + random.between(1, point === 'random' ? 60 : 200);
      await Promise.race([server.exited, reached(() => acknowledged.length >= enough)]);
      await pause(random.next() * 5);
      await server.kill();
      abort.abort();
      await Promise.all(clients);
      if (kill % 10 === 0) options.onProgress?.(`${kill} of ${options.kills} kills, ${acknowledged.length} replies had whole`);
    }
    const last = await start(undefined);
    const hung = await countHung(last.url, liveKey, accepted, endedMsMax);
    const reading = await settledReading(join(folder, 'data'), options.databaseUrl, { acknowledged, upstreamCalls: upstream.calls });
    await last.stop();
    return { kills: options.kills, acknowledged: acknowledged.length, upstreamCalls: upstream.calls.length, hung, readyMsP95: percentile(readyMs, 0.95), ...reading };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The books beside a running server, once what the dead have left held has been given back, or should have been. */
async function settledReading(dataDir: string, databaseUrl: string | undefined, witnesses: Witnesses): Promise<BooksReading> {
  await using books = await openBooks(dataDir, databaseUrl);
  for (const giveUpMs = performance.now() + heldMsMax; ; ) {
    const reading = await readBooks(books, witnesses, Date.now());
    if (reading.openHolds === 0 || performance.now() > giveUpMs) return reading;
    await pause(500);
  }
}

/** The books, whatever they are in. */
function openBooks(dataDir: string, databaseUrl: string | undefined): Promise<Database> {
  if (databaseUrl !== undefined) return openPostgresDatabase({ url: databaseUrl, migrations: houseMigrations });
  return SqliteDatabase.start(join(dataDir, 'moongate.db'), () => {});
}

/** Resolves when `isSo`, or when it has not come about for a while. */
async function reached(isSo: () => boolean): Promise<void> {
  for (const giveUpMs = performance.now() + 5_000; !isSo() && performance.now() < giveUpMs; ) await pause(2);
}

/** One client: calls, streamed and whole in turns, until its server is gone; notes the id of each reply that it had whole. */
async function callUntilGone(url: string, key: string, client: number, signal: AbortSignal, acknowledged: string[]): Promise<void> {
  for (let turn = client; !signal.aborted; turn += 1) {
    const stream = turn % 2 === 0;
    try {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'kimi-k2-thinking', stream, max_tokens: 64, messages: [{ role: 'user', content: `turn ${turn}` }] }),
        signal,
      });
      const text = await response.text();
      const whole = response.ok && (stream ? text.endsWith('data: [DONE]\n\n') : text.endsWith('}'));
      const id = response.headers.get('x-generation-id');
      if (whole && id !== null) acknowledged.push(id);
    } catch {
      return;
    }
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What of a report should not be; empty: nothing was lost, doubled, or left held. */
export function faultsOf(report: KillsReport): readonly string[] {
  const counts = ['lost', 'doubled', 'amountsWrong', 'callsWithoutHold', 'openHolds', 'hung'] as const;
  return [...counts.flatMap((name) => (report[name] === 0 ? [] : [`${name}: ${report[name]}`])), ...report.breaches];
}
