import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from './doubles/databases.ts';
import { ManualClock } from './doubles/manual-clock.ts';
import type { GenerationId } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { houseMigrations } from '../src/house-migrations.ts';
import type { Charge, Hold } from '../src/ledger/hold.ts';
import { LedgerNode } from '../src/ledger/ledger-node.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { Wallets } from '../src/ledger/wallets.ts';
import type { GenerationRecord } from '../src/records/generation-record.ts';
import { RecordsStore } from '../src/records/records-store.ts';
import type { Database } from '../src/storage/database.ts';
import { areSound, proofJson, proofText, verifyBooks } from '../src/verify-books.ts';

onEveryDatabase((databases) => {
  let database: Database;
  let clock: ManualClock;
  let ledger: Ledger;
  let records: RecordsStore;

  beforeEach(async () => {
    clock = new ManualClock(Date.now() + 1_000);
    database = await databases.open(houseMigrations);
    ledger = new Ledger({ database, clock, nodeId: 'node_me' });
    records = new RecordsStore(database);
    const wallets = new Wallets({ database, clock, random: systemRandom });
    await database.commit(wallets.openingStatements({ tenantId: 'ten_1', currency: 'USD', floorNanos: 0n, trialNanos: 1_000n }));
  });

  /** A call of the gateway, as it is recorded. */
  function recordOf(id: GenerationId, more: Partial<GenerationRecord> = {}): GenerationRecord {
    return {
      id, tenantId: 'ten_1', keyId: 'key_1', mode: 'live', surface: '/v1/chat/completions', requestedModel: 'kimi-k2', modelId: 'kimi-k2', upstreamId: 'moonshot', streamed: false,
      state: 'complete', cancelled: false, attempts: 1, costState: 'priced', costNanos: 70n, currency: 'USD', priceId: 'p', chargeNanos: 70n, chargeCurrency: 'USD', startedMs: clock.nowMs(), durationMs: 1, ...more,
    };
  }

  function hold(generationId: GenerationId): Promise<Hold> {
    const account = { kind: 'wallet', tenantId: 'ten_1', currency: 'USD', openable: false } as const;
    return ledger.reserve({ generationId, attempt: 1, tenantId: 'ten_1', keyId: 'key_1', legs: [{ account, amountNanos: 100n }], lifeMs: 60_000, memo: '{}' });
  }

  async function settle(held: Hold | undefined, generationId: GenerationId, record: GenerationRecord | undefined): Promise<void> {
    const charge: Charge = { amountNanos: held === undefined ? 0n : 70n, currency: 'USD', budgetNanos: [] };
    const cost = { upstreamId: 'moonshot', currency: 'USD', amountNanos: record?.costNanos ?? 0n };
    const { guards, statements } = ledger.settlement(held, { generationId, tenantId: 'ten_1', keyId: 'key_1', charge, cost });
    await database.commitIf(guards, [...statements, ...(record === undefined ? [] : [records.insertion(record)])]);
  }

  async function call(generationId: GenerationId): Promise<void> {
    await settle(await hold(generationId), generationId, recordOf(generationId));
  }

  /** Changes rows behind the server's back. */
  function byHand(statement: string): Promise<unknown> {
    return database.commit([sql.raw(statement).compile(database.builder<never>())]);
  }

  async function breaches(): Promise<readonly string[]> {
    const { laws } = await verifyBooks(database, clock.nowMs());
    return laws.flatMap(({ law, breach }) => (breach === undefined ? [] : [`${law}: ${breach}`]));
  }

  describe('the books', () => {
    it('are sound when every priced call has its charge, whatever it cost', async () => {
      await call('gen_1');
      await settle(undefined, 'gen_free', recordOf('gen_free', { costNanos: 0n, chargeNanos: 0n }));
      const proof = await verifyBooks(database, clock.nowMs());
      expect(await breaches()).toEqual([]);
      expect(areSound(proof)).toBe(true);
      expect(proofText(proof)).toMatch(/^ok {6}each balance[^]*\nok {6}each charge, cost and loss is of a call that was recorded\n[^]*\nUSD {2}sum +0\n6 transfers, 0 calls with an open hold\n\nThe books are sound: all \d+ laws hold\.\n$/);
      expect(proofJson(proof)).toMatchObject({ ok: true, totals: expect.arrayContaining([{ currency: 'USD', kind: 'wallet', balance: '0.00000093' }]), transfers: 6, openHolds: 0 });
    });

    it('bind neither what was not priced, nor test keys, nor what was before the ledger', async () => {
      const { costNanos: _cost, currency: _currency, priceId: _price, chargeNanos: _charge, chargeCurrency: _chargeCurrency, ...unpriced } = recordOf('gen_1', { costState: 'unpriced' });
      const list = [unpriced, { ...unpriced, id: 'gen_2' as const, mode: 'test' as const, costState: 'free' as const, costNanos: 70n, currency: 'USD' }, recordOf('gen_3', { startedMs: 1 })];
      await database.commit(list.map((record) => records.insertion(record)));
      expect(await breaches()).toEqual([]);
    });

    it('name the first priced call that was never charged', async () => {
      await call('gen_1');
      await database.commit(['gen_3', 'gen_2'].map((id) => records.insertion(recordOf(id as GenerationId))));
      expect(await breaches()).toEqual([
      'each call that was recorded as priced has one charge, or a hold whose outcome came too late: gen_2 (complete)',
      'each call was charged what its record says: gen_2 (no charge, 0 instead of 0.00000007)',
      'each call cost the operator what its record says: gen_2 (no cost, 0 instead of 0.00000007)',
    ]);
      const proof = await verifyBooks(database, clock.nowMs());
      expect(areSound(proof)).toBe(false);
      expect(proofText(proof)).toMatch(/BROKEN {2}each call that was recorded[^\n]*\n {8}first: gen_2 \(complete\)\n[^]*NOT sound: 3 of \d+ laws are broken\.\n$/);
      expect(proofJson(proof)).toMatchObject({ ok: false, laws: expect.arrayContaining([{ law: expect.stringContaining('recorded as priced'), breach: 'gen_2 (complete)' }]) });
    });

    it('name a call that was charged twice', async () => {
      await call('gen_1');
      await byHand(`INSERT INTO ledger_transfers (id, kind, phase, debit_account, credit_account, amount_nanos, currency, generation_id, open, created_ms)
        VALUES ('twin', 'charge', 'posted', 'wallet/ten_1/USD', 'revenue/USD', 0, 'USD', 'gen_1', 0, 1)`);
      expect(await breaches()).toEqual(['no call is charged twice: gen_1', expect.stringMatching(/^each call that was recorded as priced has one charge.*: gen_1 \(complete\)$/), 'each call was charged what its record says: gen_1 (twin, 0 instead of 0.00000007)']);
    });

    it('name a charge without a call', async () => {
      await settle(await hold('gen_1'), 'gen_1', undefined);
      expect(await breaches()).toEqual(['each charge, cost and loss is of a call that was recorded: gen_1 (gen_1/1/0/end)']);
    });

    it('know of calls whose outcome is unknown: their hold was given back, and they are not charged', async () => {
      await hold('gen_1');
      const next = new LedgerNode({ database, clock, id: 'node_next', alone: true, onOrphan: () => [records.insertion(recordOf('gen_1', { costNanos: 0n, chargeNanos: 0n }))], onFailure: (cause) => { throw cause; } });
      expect(await next.sweep()).toBe(1);
      // Its outcome came too late: priced, and nobody pays.
      expect(await breaches()).toEqual([]);
      await byHand("UPDATE generations SET state = 'unknown', cost_state = 'unknown'");
      expect(await breaches()).toEqual([]);
      await call('gen_2');
      await byHand("UPDATE generations SET state = 'unknown', cost_state = 'unknown' WHERE id = 'gen_2'");
      expect(await breaches()).toEqual([
        'each call whose outcome is unknown has a hold that was given back, and no charge: gen_2 (charged)',
        'no call is charged that was recorded as costing nothing or nobody knows what: gen_2 (unknown)',
      ]);
      await byHand("UPDATE ledger_transfers SET kind = 'fee' WHERE generation_id = 'gen_2'");
      await byHand("UPDATE generations SET charge_nanos = 0 WHERE id = 'gen_2'");
      expect(await breaches()).toEqual(['each call whose outcome is unknown has a hold that was given back, and no charge: gen_2 (no hold was given back)']);
    });

    it('name a call that was charged otherwise than its record says', async () => {
      await call('gen_1');
      await call('gen_2');
      expect(await breaches()).toEqual([]);
      await byHand("UPDATE generations SET charge_nanos = 71 WHERE id = 'gen_2'");
      expect(await breaches()).toEqual(['each call was charged what its record says: gen_2 (gen_2/1/0/end, 0.00000007 instead of 0.000000071)']);
    });

    it.each([
      ["UPDATE ledger_balances SET posted_nanos = posted_nanos + 1 WHERE id = 'wallet/ten_1/USD'", /^each balance is the sum of its transfers: wallet\/ten_1\/USD/],
      ["UPDATE ledger_transfers SET amount_nanos = 69 WHERE id = 'gen_1/1/0/end'", /^each balance is the sum of its transfers: wallet\/ten_1\/USD/],
      ["DELETE FROM ledger_transfers WHERE id = 'gen_1/1/0/end'", /^each hold is open or resolved.*: gen_1\/1\/0/],
      ["DELETE FROM ledger_transfers WHERE id = 'gen_1/cost'", /^each call cost the operator what its record says: gen_1 \(no cost, 0 instead of 0.00000007\)$/],
      ["UPDATE generations SET cost_nanos = 1", /^each call cost the operator what its record says: gen_1 \(gen_1\/cost, 0.00000007 instead of 0.000000001\)$/],
      ["UPDATE generations SET loss_nanos = 1", /^each call has lost the operator what its record says: gen_1/],
      ["UPDATE ledger_transfers SET currency = 'CNY' WHERE id = 'gen_1/cost'", /^each transfer is in the currency of its two accounts: gen_1\/cost \(CNY\)$/],
      ["UPDATE ledger_transfers SET price_nanos = 10, price_currency = 'CNY', rate = '9' WHERE id = 'gen_1/1/0/end'", /^each conversion comes to what was posted: gen_1\/1\/0\/end \(CNY at 9\)$/],
      ["UPDATE ledger_transfers SET price_nanos = 10, price_currency = 'CNY', rate = '5' WHERE id = 'gen_1/1/0/end'", /^each conversion comes to what was posted: gen_1\/1\/0\/end \(CNY at 5\)$/],
      ["UPDATE generations SET cost_state = 'free'", /^no call is charged that was recorded as costing nothing.*: gen_1 \(free\)$/],
      ["DELETE FROM generations WHERE id = 'gen_1'", /^each charge, cost and loss is of a call that was recorded: gen_1/],
    ])('are not sound after %s', async (statement, breach) => {
      await call('gen_1');
      await byHand(statement);
      expect(await breaches()).toEqual(expect.arrayContaining([expect.stringMatching(breach)]));
    });
  });

  it('look for no records of calls that are no longer kept one by one', async () => {
    await call('gen_1');
    await byHand("DELETE FROM generations");
    await byHand(`UPDATE records_retention SET pruned_before_ms = ${clock.nowMs() + 1}`);
    expect(await breaches()).toEqual([]);
    clock.advance(31 * 86_400_000);
    await settle(await hold('gen_2'), 'gen_2', undefined);
    expect(await breaches()).toEqual(['each charge, cost and loss is of a call that was recorded: gen_2 (gen_2/1/0/end)']);
  });

  it('are those of this version', async () => {
    await byHand("INSERT INTO schema_migrations (name, checksum, applied_ms) VALUES ('ledger/0099-of-tomorrow', '', 1)");
    await expect(verifyBooks(database, clock.nowMs())).rejects.toThrow(/written by a newer Moongate/);
    await byHand("DELETE FROM schema_migrations WHERE name LIKE 'ledger/%'");
    await expect(verifyBooks(database, clock.nowMs())).rejects.toThrow(/of an earlier version; start this version/);
  });
});
