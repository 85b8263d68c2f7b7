import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { houseMigrations } from '../src/house-migrations.ts';
import type { Database } from '../src/storage/database.ts';
import { openPostgresDatabase } from '../src/storage/postgres-database.ts';
import { SqliteDatabase } from '../src/storage/sqlite-database.ts';
import { type RunningServer, startServer } from '../tests/doubles/running-server.ts';
import { type BatchReading, readBatch } from './batch-reading.ts';
import { MoneyUpstream } from './money-upstream.ts';
import { RandomStream } from './random-stream.ts';

export interface BatchKillsOptions {
  readonly lines: number;
  readonly kills: number;
  readonly seed: number;
  /** Postgres, for two replicas that are killed in turn; undefined: SQLite, and one server. */
  readonly databaseUrl?: string;
  /** The turns of a batch's life at which all who come there die; all of them when not given. */
  readonly turns?: readonly Turn[];
  /** How long money that the dead have held may take to come free; 0: that is not looked at. */
  readonly heldMsMax?: number;
  readonly onProgress?: (line: string) => void;
}

export interface BatchKillsReport extends BatchReading {
  readonly kills: number;
  readonly lines: number;
  readonly upstreamCalls: number;
  readonly seconds: number;
}

/** Batch rates of the one model, per token, in nano-units; the upstream asks twice as much of us. */
export const nanosPerToken = { input: 300n, output: 1_250n };

/** Lines run here, although the upstream is of a kind that can make batches by itself. */
const config = `
upstreams:
  - { id: moonshot, kind: moonshot, batches: here }
catalog:
  offers:
    - upstream: moonshot
      model: kimi-k2-thinking
      prices: [{ validFrom: '2026-01-01', currency: USD, input: '0.60', output: '2.50', batchInput: '0.30', batchOutput: '1.25' }]
`;

/** Where a server can be told to die by itself while lines run, and "random": from outside. */
const linePoints = ['random', 'random', 'after-hold', 'before-settle', 'after-settle', 'batch-chunk-done'] as const;
/** Each is passed once in the life of a batch, in this order. */
const allTurns = ['batch-validated', 'batch-staged', 'batch-ended'] as const;
type Turn = (typeof allTurns)[number];

const endMsMax = 300_000;
/** How long money may stay held after its server died (reliability.md, T01). */
const heldMsDefault = 60_000;

/**
 * Kills servers with -9 again and again, at random and at named points, while they answer one batch, and then reads its files and the books: every line
 * must be answered once and charged once, by what its answer says that it used.
 */
export async function runBatchKills(options: BatchKillsOptions): Promise<BatchKillsReport> {
  const folder = mkdtempSync(join(tmpdir(), 'moongate-batch-kills-'));
  await using upstream = await MoneyUpstream.start(4);
  const begunMs = performance.now();
  try {
    const run = new KillRun(options, folder, upstream);
    const reading = await run.run().finally(() => run.close());
    return { ...reading, lines: options.lines, upstreamCalls: upstream.calls.length, seconds: Math.round((performance.now() - begunMs) / 1000) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class KillRun {
  readonly #options: BatchKillsOptions;
  readonly #folder: string;
  readonly #upstream: MoneyUpstream;
  readonly #random: RandomStream;
  readonly #servers: RunningServer[] = [];
  #opened: Promise<Database> | undefined;
  #liveKey = '';
  #kills = 0;

  constructor(options: BatchKillsOptions, folder: string, upstream: MoneyUpstream) {
    this.#options = options;
    this.#folder = folder;
    this.#upstream = upstream;
    this.#random = new RandomStream(options.seed);
  }

  async run(): Promise<BatchReading & { readonly kills: number }> {
    const { lines, databaseUrl, turns = allTurns } = this.#options;
    const replicas = databaseUrl === undefined ? 1 : 2;
    const id = turns.includes('batch-validated') ? await this.#createAndDie(lines, replicas) : await this.#createAmong(lines, replicas);
    while (this.#killsLeft > 0 && !(await this.#isNearEnd(id))) await this.#killOne(this.#kills % replicas);
    for (const turn of this.#endTurns) {
      await this.#killAll();
      await this.#startAll(replicas, () => `${turn}:1`);
      await this.#diedAt(id);
    }
    await this.#killAll();
    await this.#start(0, undefined);
    return { ...(await this.#read(id, lines)), kills: this.#kills };
  }

  async #createAndDie(lines: number, replicas: number): Promise<string> {
    await this.#start(0, 'batch-validated:1');
    const id = await this.#create(lines);
    await this.#diedAt();
    await this.#startAll(replicas, () => this.#nextPoint());
    return id;
  }

  async #createAmong(lines: number, replicas: number): Promise<string> {
    await this.#startAll(replicas, () => this.#nextPoint());
    return this.#create(lines);
  }

  get #endTurns(): readonly Turn[] {
    return (this.#options.turns ?? allTurns).filter((turn) => turn !== 'batch-validated');
  }

  /** How many are still to be killed while lines run. */
  get #killsLeft(): number {
    return this.#options.kills - this.#endTurns.length - this.#kills;
  }

  /** Ends what is still running. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.kill()));
    await (await this.#opened)?.[Symbol.asyncDispose]();
  }

  async #start(replica: number, crashAt: string | undefined): Promise<RunningServer> {
    const { databaseUrl } = this.#options;
    const server = await startServer({
      config,
      dataDir: join(this.#folder, `data-${replica}`),
      environment: {
        MOONSHOT_API_KEY: 'sk-sim', MOONSHOT_BASE_URL: this.#upstream.baseUrl,
        ...(databaseUrl === undefined ? {} : { MOONGATE_DATABASE_URL: databaseUrl, MOONGATE_SECRET: 's'.repeat(32), MOONGATE_SHARED_FILES: join(this.#folder, 'files') }),
        ...(crashAt === undefined ? {} : { MOONGATE_CRASH_AT: crashAt }),
      },
    });
    this.#servers[replica] = server;
    if (this.#liveKey === '') this.#liveKey = server.liveKey;
    return server;
  }

  async #startAll(replicas: number, crashAt: () => string | undefined): Promise<void> {
    await Promise.all(Array.from({ length: replicas }, (_, replica) => this.#start(replica, crashAt())));
  }

  /** Where the next server dies of itself, if it is not killed before. */
  #nextPoint(): string {
    const point = this.#random.pick(linePoints);
    if (point === 'batch-chunk-done') return `${point}:${this.#random.between(1, 3)}`;
    // However fast the lines are, the batch does not end before it is to.
    return point === 'random' ? 'batch-staged:1' : `${point}:${this.#random.between(1, 40)}`;
  }

  /** Kills one server when some more lines have been asked, if it has not died of itself by then, and starts it again. */
  async #killOne(replica: number): Promise<void> {
    const { lines, kills } = this.#options;
    const enough = this.#upstream.calls.length + this.#random.between(1, Math.max(2, Math.floor((1.6 * lines) / kills)));
    const server = this.#servers[replica];
    await Promise.race([server?.exited, reached(() => this.#upstream.calls.length >= enough)]);
    await pause(this.#random.next() * 5);
    await server?.kill();
    this.#kills += 1;
    await this.#stealLeases();
    // Who comes after the last one dies at a turn.
    if (this.#killsLeft > 0) await this.#start(replica, this.#nextPoint());
    if (this.#kills % 10 === 0) this.#options.onProgress?.(`${this.#kills} kills, ${this.#upstream.calls.length} calls at the upstream`);
  }

  async #killAll(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.kill()));
    this.#servers.length = 0;
    await this.#stealLeases();
  }

  /** Waits until one server has died of itself, or the batch `id` has ended all the same. */
  async #diedAt(id?: string): Promise<void> {
    let died = false;
    for (const { exited } of this.#servers) void exited.then(() => (died = true));
    for (const giveUpMs = performance.now() + endMsMax; !died; await pause(20)) {
      if (performance.now() > giveUpMs) throw new Error('no server came to the place where it is to die');
      if (id !== undefined && (await this.#isOver(id))) return;
    }
    this.#kills += 1;
    await this.#stealLeases();
  }

  /** Whether the batch has ended, and nothing of it is left to be done. */
  async #isOver(id: string): Promise<boolean> {
    const books = await this.#books();
    const [row] = await books.query(
      sql<{ ended: number | null; left: number }>`SELECT (SELECT ended_ms FROM batches WHERE id = ${id}) AS ended, (SELECT COUNT(*) FROM jobs) AS left`.compile(books.builder<never>()),
    );
    return row !== undefined && row.ended !== null && row.left === 0;
  }

  /** In place of the seconds that the dead count as alive. The living lose their jobs as well, and find out only when they write: that is what the tokens are for. */
  async #stealLeases(): Promise<void> {
    if (this.#options.databaseUrl === undefined) return;
    const books = await this.#books();
    await books.commit([sql`UPDATE jobs SET available_ms = 0 WHERE owner IS NOT NULL`.compile(books.builder<never>())]);
  }

  async #create(lines: number): Promise<string> {
    const [server] = this.#servers;
    const headers = { authorization: `Bearer ${this.#liveKey}` };
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new Blob([Array.from({ length: lines }, (_, line) => `${JSON.stringify(lineOf(line))}\n`).join('')]), 'lines.jsonl');
    const file = (await (await fetch(`${server?.url}/v1/files`, { method: 'POST', headers, body: form })).json()) as { id: string };
    const body = JSON.stringify({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' });
    const answer = await fetch(`${server?.url}/v1/batches`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body }).then((response) => response.json(), () => undefined);
    // The server may have died of reading the file before it could answer.
    const id = (answer as { id?: string } | undefined)?.id;
    if (id !== undefined) return id;
    const books = await this.#books();
    const [row] = await books.query(sql<{ id: string }>`SELECT id FROM batches`.compile(books.builder<never>()));
    return row?.id ?? '';
  }

  async #isNearEnd(id: string): Promise<boolean> {
    const books = await this.#books();
    const [row] = await books.query(sql<{ done: number }>`SELECT COUNT(*) AS done FROM batch_outcomes WHERE batch_id = ${id}`.compile(books.builder<never>()));
    return (row?.done ?? 0) > this.#options.lines * 0.97;
  }

  async #read(id: string, lines: number): Promise<BatchReading> {
    const [server] = this.#servers;
    if (server === undefined) throw new Error('there is no server');
    const books = await this.#books();
    for (const giveUpMs = performance.now() + endMsMax; performance.now() < giveUpMs && !(await this.#isOver(id)); ) await pause(200);
    const { heldMsMax = heldMsDefault } = this.#options;
    for (const giveUpMs = performance.now() + heldMsMax; ; await pause(500)) {
      const read = await readBatch({ server, liveKey: this.#liveKey, books, id, lines, nanosPerToken });
      if (read.openHolds > 0 && performance.now() < giveUpMs) continue;
      const reading = heldMsMax === 0 ? { ...read, openHolds: 0 } : read;
      await Promise.all(this.#servers.map((each) => each.stop()));
      return reading;
    }
  }

  /** The books, beside the servers; there once a server has made them. */
  #books(): Promise<Database> {
    const { databaseUrl } = this.#options;
    this.#opened ??= databaseUrl === undefined ? SqliteDatabase.start(join(this.#folder, 'data-0', 'moongate.db'), () => {}) : openPostgresDatabase({ url: databaseUrl, migrations: houseMigrations });
    return this.#opened;
  }
}

/** A request that can be told from all others. */
function lineOf(line: number): object {
  const messages = [{ role: 'user', content: `line ${line}` }];
  return { custom_id: `line-${line}`, method: 'POST', url: '/v1/chat/completions', body: { model: 'kimi-k2-thinking', max_tokens: 64, messages } };
}

/** Resolves when `isSo`, or when it has not come about for a while. */
async function reached(isSo: () => boolean): Promise<void> {
  for (const giveUpMs = performance.now() + 5_000; !isSo() && performance.now() < giveUpMs; ) await pause(2);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** What of a report should not be; empty: every line was answered once, and charged once. */
export function batchFaultsOf(report: BatchKillsReport): readonly string[] {
  const counts = ['missing', 'twice', 'failed', 'outOfOrder', 'chargedTwice', 'openHolds', 'leftBehind'] as const;
  return [
    ...counts.flatMap((name) => (report[name] === 0 ? [] : [`${name}: ${report[name]}`])),
    ...(report.status === 'completed' ? [] : [`status: ${report.status}`]),
    ...(report.out === report.lines && report.chargedLines === report.lines ? [] : [`out: ${report.out}, charged: ${report.chargedLines}`]),
    ...(report.chargedNanos === report.ratedNanos ? [] : [`charged ${report.chargedNanos}, and not ${report.ratedNanos}`]),
    ...report.breaches,
  ];
}
