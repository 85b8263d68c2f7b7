import { beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import type { Caller } from '../access/caller.ts';
import { Fault } from '../base/fault.ts';
import { systemRandom } from '../base/random.ts';
import { ExchangeRates } from '../catalog/exchange-rates.ts';
import type { Price } from '../catalog/offer.ts';
import { SellRules } from '../catalog/sell-rules.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { Hold } from '../ledger/hold.ts';
import { Ledger } from '../ledger/ledger.ts';
import { LedgerNode } from '../ledger/ledger-node.ts';
import { ledgerMigrations, type LedgerTables } from '../ledger/ledger-tables.ts';
import { verifyLedger } from '../ledger/verify.ts';
import { Wallets } from '../ledger/wallets.ts';
import type { GenerationRecord } from '../records/generation-record.ts';
import { RecordsStore } from '../records/records-store.ts';
import { recordsMigrations } from '../records/records-tables.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { Database } from '../storage/database.ts';
import { StatementError } from '../storage/statement-error.ts';
import { UnknownOutcome } from '../storage/unknown-outcome.ts';
import { type BilledCall, Billing, type Reckoning } from './billing.ts';
import { orphanRecord } from './orphan-record.ts';
import { Tariff } from './tariff.ts';

const usd: Price = { id: 'p', validFrom: '2020-01-01', currency: 'USD', input: '1', output: '2' };
const bounds = { promptTokensMax: 1_000, outputTokensMax: 1_000, choiceCount: 1 };
const usage: Usage = { inputUncached: 100, cacheRead: 0, cacheWrite: 0, output: 50, estimated: false };
/** What `bounds` and `usage` come to at `usd`. */
const ceilingNanos = 3_000_000n;
const chargeNanos = 200_000n;
const caller: Caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live', walletCurrency: 'USD' };

function attemptAt(upstreamId: string, price: Price = usd): PlannedAttempt {
  const offer = { modelId: 'm', upstreamId, upstreamModel: 'm', contextTokens: 1_000, outputTokensMax: 1_000, prices: [price] };
  return { offer, price, costState: 'priced', sendModel: 'm', retired: false, successor: false };
}

onEveryDatabase((databases) => {
  let database: Database;
  let clock: ManualClock;
  let ledger: Ledger;
  let wallets: Wallets;
  let records: RecordsStore;
  let billing: Billing;
  let call: BilledCall;
  /** Commits of `billing` that the database is at. */
  let underWay: number;
  /** What happens to the next commits of `billing`, in order; then they go through. */
  let mishaps: ((commit: () => Promise<unknown>) => Promise<void>)[];

  beforeEach(async () => {
    database = await databases.open([...recordsMigrations, ...ledgerMigrations]);
    clock = new ManualClock();
    ledger = new Ledger({ database, clock, nodeId: 'node_me' });
    wallets = new Wallets({ database, clock, random: systemRandom });
    records = new RecordsStore(database);
    mishaps = [];
    underWay = 0;
    billing = new Billing({
      ledger, records, clock, callMsMax: 3_600_000, batchCallMsMax: 7_200_000, patienceMs: 600_000,
      tariff: new Tariff({ sellRules: new SellRules([], () => undefined), rates: new ExchangeRates({ staleDays: 7, staleRates: 'flag' }, [{ from: 'USD', to: 'EUR', rate: '0.5', validFrom: '2026-01-01', source: 'config' }]), officialPrice: () => undefined }),
      database: {
        async commitIf(guards, statements) {
          const commit = (): ReturnType<Database['commitIf']> => {
            underWay += 1;
            return database.commitIf(guards, statements).finally(() => (underWay -= 1));
          };
          await mishaps.shift()?.(commit);
          return commit();
        },
      },
    });
    call = { caller, generationId: 'gen_1', startedMs: clock.nowMs(), surface: '/v1/chat/completions', requestedModel: 'm', streamed: true };
    await database.commit(wallets.openingStatements({ tenantId: 'ten_1', currency: 'USD', floorNanos: 0n }));
    await wallets.topUp({ tenantId: 'ten_1', currency: 'USD', amountNanos: 10_000_000n, openable: false });
  });

  const gone = async (): Promise<void> => {
    throw new Fault('storage_unavailable');
  };
  const newsLost = async (commit: () => Promise<unknown>): Promise<void> => {
    await commit();
    throw new Fault('storage_unavailable', { cause: new UnknownOutcome('the connection was lost') });
  };

  function recordOf({ cost, bill }: Reckoning): GenerationRecord {
    return {
      id: call.generationId, tenantId: 'ten_1', keyId: 'key_1', mode: 'live', surface: call.surface, requestedModel: 'm', modelId: 'm', upstreamId: 'a',
      streamed: true, state: 'complete', cancelled: false, attempts: 1, usage, costState: 'priced', startedMs: call.startedMs, firstEventAfterMs: 3, durationMs: 5,
      ...(cost === undefined ? {} : { costNanos: cost.amountNanos, currency: cost.currency }),
      ...(bill === undefined ? {} : { chargeNanos: bill.charged.amountNanos, chargeCurrency: bill.charged.currency }),
    };
  }

  async function close(held: Hold | undefined, price: Price = usd): Promise<void> {
    const reckoning = billing.reckon(call, attemptAt('a', price), usage, held);
    const closing = billing.close(recordOf(reckoning), reckoning.bill, held);
    let isOpen = true;
    const ended = closing.finally(() => (isOpen = false));
    ended.catch(() => {});
    while (isOpen) {
      await new Promise((resolve) => setImmediate(resolve));
      // Time passes between the tries, not while the database works.
      if (underWay === 0) clock.advance(50);
    }
    await ended;
  }

  async function settled(held: Hold): Promise<void> {
    const reckoning = billing.reckon(call, attemptAt('a'), usage, held);
    await billing.close(recordOf(reckoning), reckoning.bill, held);
  }

  async function expire(): Promise<void> {
    const onOrphan: ConstructorParameters<typeof LedgerNode>[0]['onOrphan'] = (orphan) => [records.upsertion(orphanRecord(orphan, clock.nowMs()))];
    await new LedgerNode({ database, clock, id: 'node_next', alone: true, onOrphan, onFailure: () => {} }).sweep();
  }

  const wallet = async () => (await wallets.of('ten_1'))[0];

  async function expectSoundBooks(): Promise<void> {
    const { laws } = await verifyLedger(database, clock.nowMs());
    expect(laws.filter(({ breach }) => breach !== undefined)).toEqual([]);
  }

  async function phases(): Promise<string[]> {
    const rows = await database.query(database.builder<LedgerTables>().selectFrom('ledger_transfers').selectAll().where('generation_id', '=', 'gen_1').orderBy('id').compile());
    return rows.map(({ kind, phase }) => `${kind} ${phase}`);
  }

  describe('a hold', () => {
    it('is kept for another attempt when it is enough, and else exchanged', async () => {
      const first = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      expect(await billing.hold(call, attemptAt('b'), bounds, 2, first)).toBe(first);
      await billing.hold(call, attemptAt('c', { ...usd, output: '4' }), bounds, 3, first);
      expect(await wallet()).toMatchObject({ heldNanos: 5_000_000n });
    });

    it('is refused where the books could not add it up', async () => {
      const dear = attemptAt('a', { ...usd, output: '999999999999' });
      await expect(billing.hold({ ...call, caller: { tenantId: 'ten_2', keyId: 'key_2', mode: 'live' } }, dear, bounds, 1, undefined)).resolves.toBeDefined();
      await expect(billing.hold({ ...call, caller: { tenantId: 'ten_2', keyId: 'key_2', mode: 'live' } }, dear, { ...bounds, outputTokensMax: 1_001 }, 2, undefined)).rejects.toMatchObject({ code: 'quota_exceeded' });
      await expectSoundBooks();
    });

    it('is given back when the next place cannot be paid in the currency of the wallet', async () => {
      const first = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      expect(await wallet()).toMatchObject({ heldNanos: ceilingNanos });
      await expect(billing.hold(call, attemptAt('b', { ...usd, currency: 'CNY' }), bounds, 2, first)).rejects.toMatchObject({ code: 'exchange_rate_missing' });
      expect(await wallet()).toMatchObject({ heldNanos: 0n });
    });
  });

  describe('the end of a call', () => {
    it('names the rate of each posting that is in another currency than the price', async () => {
      call = { ...call, caller: { ...caller, keyBudgets: [{ period: 'total', amountNanos: 90_000_000n, currency: 'EUR' }, { period: 'total', amountNanos: 90_000_000n, currency: 'USD' }] } };
      await close(await billing.hold(call, attemptAt('a'), bounds, 1, undefined));
      const rows = await database.query(
        database.builder<LedgerTables>().selectFrom('ledger_transfers').selectAll().where('generation_id', '=', 'gen_1').where('phase', '=', 'posted').where('kind', '<>', 'cost').orderBy('id').compile(),
      );
      expect(rows.map(({ currency, amount_nanos: amount, price_nanos: price, price_currency: from, rate, rate_from: since }) => [currency, amount, price, from, rate, since])).toEqual([
        ['USD', chargeNanos, null, null, null, null],
        ['EUR', chargeNanos / 2n, chargeNanos, 'USD', '0.5', '2026-01-01'],
        ['USD', chargeNanos, null, null, null, null],
      ]);
      await expectSoundBooks();
    });

    it('at a price of zero needs no exchange rate', async () => {
      const free: Price = { ...usd, currency: 'CNY', input: '0', output: '0' };
      const held = await billing.hold(call, attemptAt('a', free), bounds, 1, undefined);
      await close(held, free);
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'complete', chargeNanos: 0n, chargeCurrency: 'USD' });
      expect(await wallet()).toMatchObject({ balanceNanos: 10_000_000n, heldNanos: 0n });
      await expectSoundBooks();
    });

    it('is booked once, though the database was gone and the news of the commit was lost', async () => {
      mishaps = [gone, newsLost, gone];
      await close(await billing.hold(call, attemptAt('a'), bounds, 1, undefined));
      expect(await wallet()).toMatchObject({ spentNanos: chargeNanos, heldNanos: 0n });
      expect(await phases()).toEqual(['charge pending', 'charge posted', 'cost posted']);
      await expectSoundBooks();
    });

    it('whose hold was given up for lost is the operator’s', async () => {
      const held = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      await expire();
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'unknown' });
      await close(held);
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'complete', chargeNanos: 0n, lossNanos: chargeNanos, flags: ['settled-late'] });
      expect(await wallet()).toMatchObject({ spentNanos: 0n, heldNanos: 0n });
      await expectSoundBooks();
    });

    it.each([
      ['and of which nothing came about', async () => {}],
      ['though the last try was committed and only the news of it lost', async (held: Hold) => void (await settled(held))],
    ])('that could not be booked is on record once the database is back, %s', async (_what, meanwhile) => {
      const held = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      if (held === undefined) throw new Error('nothing is held');
      mishaps = Array.from({ length: 5_000 }, () => gone);
      await expect(close(held)).rejects.toMatchObject({ code: 'storage_unavailable' });
      mishaps = [];
      expect(await wallet()).toMatchObject({ heldNanos: ceilingNanos });
      await meanwhile(held);
      const paid = (await wallet())?.spentNanos;
      await ledger.bookDelayed();
      expect(await wallet()).toMatchObject({ heldNanos: 0n, spentNanos: paid });
      if (paid === 0n) {
        expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'partial', faultCode: 'storage_unavailable', costNanos: chargeNanos, chargeNanos: 0n, lossNanos: chargeNanos });
        expect(await phases()).toEqual(['charge pending', 'charge expired', 'cost posted', 'loss posted']);
      } else {
        expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'complete', chargeNanos });
      }
      await expectSoundBooks();
    });

    it('that the database refuses gives its hold back', async () => {
      const held = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      mishaps = [async () => { throw new StatementError('a value is too large', undefined); }];
      await expect(close(held)).rejects.toThrow('too large');
      await ledger.bookDelayed();
      expect(await wallet()).toMatchObject({ spentNanos: 0n, heldNanos: 0n });
      await expectSoundBooks();
    });

    it('is charged by its own hold, though one of an earlier attempt was given up for lost', async () => {
      const first = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      await expire();
      const held = await billing.hold(call, attemptAt('b', { ...usd, output: '4' }), bounds, 2, first);
      await close(held);
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'complete', chargeNanos });
      expect(await wallet()).toMatchObject({ spentNanos: chargeNanos, heldNanos: 0n });
      await expectSoundBooks();
    });
  });

  describe('a call that is part of something larger', () => {
    /** A part that is committed with the call, or refuses it. */
    const part = (refuses: boolean) => {
      const builder = database.builder<LedgerTables>();
      const guard = builder.updateTable('ledger_balances').set({ owner_id: 'ten_1' }).where('owner_id', '=', refuses ? 'nobody' : 'ten_1');
      return { guards: [guard.compile()], statements: [] };
    };
    const closed = async (held: Hold | undefined, refuses: boolean, price: Price = usd): Promise<boolean> => {
      const reckoning = billing.reckon(call, attemptAt('a', price), usage, held);
      return billing.close(recordOf(reckoning), reckoning.bill, held, part(refuses));
    };

    it('is paid for when the part is committed', async () => {
      const held = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      expect(await closed(held, false)).toBe(true);
      expect(await wallet()).toMatchObject({ spentNanos: chargeNanos, heldNanos: 0n });
      await expectSoundBooks();
    });

    it('is the operator’s loss when the part is refused, and recorded as that', async () => {
      const held = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      expect(await closed(held, true)).toBe(false);
      expect(await wallet()).toMatchObject({ spentNanos: 0n, heldNanos: 0n });
      expect(await phases()).toEqual(['charge pending', 'charge expired', 'cost posted', 'loss posted']);
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'complete', chargeNanos: 0n, lossNanos: chargeNanos, flags: ['unwanted'] });
      await expectSoundBooks();
    });

    it('is recorded when it cost nothing, and the part is refused', async () => {
      expect(await closed(undefined, true, { ...usd, input: '0', output: '0' })).toBe(false);
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'complete', chargeNanos: 0n });
      await expectSoundBooks();
    });

    it('is not wanted when it was given up for lost before, and nobody pays', async () => {
      const held = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      await expire();
      expect(await closed(held, false)).toBe(false);
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ chargeNanos: 0n, lossNanos: chargeNanos, flags: ['settled-late'] });
      await expectSoundBooks();
    });

    it('is charged once when the news of its commit is lost', async () => {
      const held = await billing.hold(call, attemptAt('a'), bounds, 1, undefined);
      await close(held);
      // The same again, as after a commit of which nobody has heard: what it was for is there, and so refuses.
      expect(await closed(held, true)).toBe(false);
      expect(await wallet()).toMatchObject({ spentNanos: chargeNanos, heldNanos: 0n });
      expect(await records.get('ten_1', 'gen_1')).toMatchObject({ state: 'complete', chargeNanos });
      await expectSoundBooks();
    });
  });

  it('holds and charges a call at batch rates by those, and pays its upstream the plain ones', async () => {
    const price: Price = { ...usd, batchInput: '0.5', batchOutput: '1' };
    call = { ...call, atBatchRates: true };
    const held = await billing.hold(call, attemptAt('a', price), bounds, 1, undefined);
    expect(await wallet()).toMatchObject({ heldNanos: ceilingNanos / 2n });
    const { bill, cost } = billing.reckon(call, attemptAt('a', price), usage, held);
    expect([bill?.charged.amountNanos, cost?.amountNanos]).toEqual([chargeNanos / 2n, chargeNanos]);
    const free = billing.reckon(call, { ...attemptAt('a', price), costState: 'free' }, usage, undefined);
    expect([free.bill, free.cost?.amountNanos]).toEqual([undefined, chargeNanos / 2n]);
  });
});
