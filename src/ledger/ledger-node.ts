import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { type Id, newId } from '../base/id.ts';
import type { Random } from '../base/random.ts';
import type { Database } from '../storage/database.ts';
import type { Ledger } from './ledger.ts';
import { endOf, houseOwner } from './ledger.ts';
import { LedgerStatements } from './ledger-statements.ts';
import type { LedgerTables, TransfersTable } from './ledger-tables.ts';

/** How often a server says that it is alive, and for how long it is believed. */
const beatMs = 5_000;
const leaseMs = 15_000;
/** A lease that has not been renewed is taken for lapsed only this much later. */
const graceMs = 5_000;
const sweepRowsMax = 500;

/** A call whose server died before it could say what was used. */
export interface OrphanedCall {
  readonly generationId: string;
  readonly tenantId: string;
  readonly keyId: string;
  /** When its money was held. */
  readonly heldMs: number;
  readonly memo: string | undefined;
}

export interface LedgerNodeParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly id: Id<'node'>;
  /** No other server works on this database: holds of any other are of the dead. */
  readonly alone: boolean;
  /** Statements to join the commit that gives an orphaned hold back: the record of its call. */
  readonly onOrphan: (call: OrphanedCall) => readonly CompiledQuery[];
  /** Told when a beat or a sweep failed; it is tried again. */
  readonly onFailure: (cause: unknown) => void;
}

/** A new name for this run of this server. */
export function newNodeId(clock: Clock, random: Random): Id<'node'> {
  return newId('node', clock, random);
}

/**
 * This server as the owner of holds: says that it is alive, and gives back what servers that died have left held. A
 * customer does not pay for a call whose outcome nobody knows. What belongs to the house comes free by its time alone.
 */
export class LedgerNode implements AsyncDisposable {
  readonly #parts: LedgerNodeParts;
  readonly #builder: Kysely<LedgerTables>;
  readonly #statements: LedgerStatements;
  #ledger: Ledger | undefined;
  #cancel: () => void = () => {};
  #pass: Promise<void> | undefined;
  #closed = false;
  /** Of each server that is listed: its lease as we read it, and since when, on our monotonic clock, it has stood so. */
  readonly #leases = new Map<string, { readonly untilMs: number; readonly sinceMs: number }>();
  /** Our last beat, on that clock. */
  #beatAtMs = -Infinity;

  constructor(parts: LedgerNodeParts) {
    this.#parts = parts;
    this.#builder = parts.database.builder<LedgerTables>();
    this.#statements = new LedgerStatements(parts.database);
  }

  /** Takes the lease, and begins to beat and to sweep. Resolves when the lease is durable: from then on holds may be taken. */
  async start(ledger: Ledger): Promise<void> {
    this.#ledger = ledger;
    await this.#beat();
    this.#schedule(0);
  }

  /** Gives back every hold whose owner is gone or whose time is over. Resolves with how many calls those were. */
  async sweep(): Promise<number> {
    const living = this.#parts.alone ? [this.#parts.id] : await this.#living();
    let calls = 0;
    for (;;) {
      const rows = await this.#parts.database.query(this.#orphaned(living));
      const groups = [...Map.groupBy(rows, ({ id }) => id.slice(0, id.lastIndexOf('/'))).values()];
      // The last call of a full page may lack legs.
      if (rows.length === sweepRowsMax && groups.length > 1) groups.pop();
      for (const group of groups) {
        const expired = await this.#expire(group);
        calls += expired;
      }
      if (rows.length < sweepRowsMax) return calls;
    }
  }

  /** Stops. The lease is given up, so that whatever is still held comes free at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#pass;
    // What is not booked now would be told by the next sweep as a call whose outcome nobody knows.
    await this.#ledger?.bookDelayed().catch(this.#parts.onFailure);
    const leaving = this.#builder.deleteFrom('ledger_nodes').where('id', '=', this.#parts.id).compile();
    await this.#parts.database.commit([leaving]).catch(this.#parts.onFailure);
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#cancel = this.#parts.clock.after(delayMs, () => {
      this.#pass = this.#round().finally(() => this.#schedule(beatMs));
    });
  }

  async #round(): Promise<void> {
    try {
      await this.#beat();
      await this.#ledger?.bookDelayed();
      await this.sweep();
    } catch (cause) {
      this.#parts.onFailure(cause);
    }
  }

  async #beat(): Promise<void> {
    const { database, clock, id } = this.#parts;
    const leaseUntilMs = clock.nowMs() + leaseMs;
    await database.commit([
      this.#builder
        .insertInto('ledger_nodes')
        .values({ id, lease_until_ms: leaseUntilMs })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ lease_until_ms: leaseUntilMs }))
        .compile(),
      // Long gone: what they held has been given back.
      this.#builder.deleteFrom('ledger_nodes').where('lease_until_ms', '<', clock.nowMs() - 100 * leaseMs).compile(),
    ]);
    // While we could not say that we are alive (the database was gone), others could not either: each has a lease's time to do so.
    const atMs = clock.monotonicMs();
    if (atMs - this.#beatAtMs > leaseMs) this.#leases.clear();
    this.#beatAtMs = atMs;
  }

  /** Servers whose leases we see renewed. By our own clock: theirs may be wrong. */
  async #living(): Promise<readonly string[]> {
    const rows = await this.#parts.database.query(this.#builder.selectFrom('ledger_nodes').selectAll().compile());
    const atMs = this.#parts.clock.monotonicMs();
    const listed = new Set(rows.map(({ id }) => id));
    for (const id of this.#leases.keys()) if (!listed.has(id)) this.#leases.delete(id);
    for (const { id, lease_until_ms: untilMs } of rows) {
      if (this.#leases.get(id)?.untilMs !== untilMs) this.#leases.set(id, { untilMs, sinceMs: atMs });
    }
    return [...this.#leases].filter(([, { sinceMs }]) => atMs - sinceMs <= leaseMs + graceMs).map(([id]) => id);
  }

  #orphaned(living: readonly string[]): CompiledQuery<TransfersTable> {
    const others = this.#builder
      .selectFrom('ledger_transfers')
      .selectAll()
      .where('open', '=', sql<number>`1`)
      .where((where) => where.or([where('expires_ms', '<', this.#parts.clock.nowMs()), where('owner', 'not in', [...living, houseOwner])]));
    return others.orderBy('id').limit(sweepRowsMax).compile();
  }

  async #expire(rows: readonly TransfersTable[]): Promise<number> {
    const { database, clock, onOrphan } = this.#parts;
    const first = rows[0];
    if (first === undefined) return 0;
    const nowMs = clock.nowMs();
    const ends = rows.map((row) => ({
      ...row, id: endOf(row.id), pending_id: row.id, phase: 'expired' as const, amount_nanos: 0n, open: 0, expires_ms: null, created_ms: nowMs, memo: null,
    }));
    const releases = rows
      .toSorted((one, other) => (one.debit_account < other.debit_account ? -1 : 1))
      .map((row) => this.#statements.posting(row.debit_account, 0n, row.amount_nanos));
    const call: OrphanedCall = {
      generationId: first.generation_id ?? '', tenantId: first.tenant_id ?? '', keyId: first.key_id ?? '', heldMs: first.created_ms,
      memo: rows.find(({ memo }) => memo !== null)?.memo ?? undefined,
    };
    const { committed } = await database.commitIf(
      [this.#statements.closing(rows.map(({ id }) => id))],
      [this.#statements.insertion(ends), ...releases, ...onOrphan(call)],
    );
    return committed ? 1 : 0;
  }
}
