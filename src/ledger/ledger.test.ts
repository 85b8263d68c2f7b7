import fc from 'fast-check';
import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { Fault } from '../base/fault.ts';
import type { GenerationId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import type { Database } from '../storage/database.ts';
import type { HeldAccount } from './account.ts';
import type { Charge, Hold, HoldLeg } from './hold.ts';
import { Ledger } from './ledger.ts';
import { LedgerNode, type OrphanedCall } from './ledger-node.ts';
import { ledgerMigrations, type LedgerTables, type TransfersTable } from './ledger-tables.ts';
import { verifyLedger } from './verify.ts';
import { Wallets } from './wallets.ts';

onEveryDatabase((databases) => {
  let database: Database;
  let clock: ManualClock;
  let ledger: Ledger;
  let wallets: Wallets;
  let generations: number;

  beforeEach(async () => {
    database = await databases.open(ledgerMigrations);
    clock = new ManualClock();
    ledger = new Ledger({ database, clock, nodeId: 'node_me' });
    wallets = new Wallets({ database, clock, random: systemRandom });
    generations = 0;
  });

  const wallet = (openable = false): HeldAccount => ({ kind: 'wallet', tenantId: 'ten_1', currency: 'USD', openable });
  const budget = (allowanceNanos: bigint, ownerId = 'key_1'): HeldAccount => ({ kind: 'budget', ownerId, period: 'day/2026-11-27', currency: 'USD', allowanceNanos });
  const charge = (amountNanos: bigint, ...budgetNanos: readonly bigint[]): Charge => ({ amountNanos, currency: 'USD', budgetNanos });

  function reserve(...legs: readonly HoldLeg[]): Promise<Hold> {
    generations += 1;
    return ledger.reserve({ generationId: `gen_${generations}`, attempt: 1, tenantId: 'ten_1', keyId: 'key_1', legs, lifeMs: 60_000, memo: '{}' });
  }

  const hold = (amountNanos: bigint): Promise<Hold> => reserve({ account: wallet(), amountNanos });

  async function settle(held: Hold | undefined, amount: Charge, generationId: GenerationId = held?.generationId ?? 'gen_free'): Promise<boolean> {
    const { guards, statements } = ledger.settlement(held, {
      generationId, tenantId: 'ten_1', keyId: 'key_1', charge: amount, cost: { upstreamId: 'moonshot', currency: 'USD', amountNanos: amount.amountNanos / 2n },
    });
    return (await database.commitIf(guards, statements)).committed;
  }

  async function release(held: Hold): Promise<boolean> {
    const { guards, statements } = ledger.release(held);
    return (await database.commitIf(guards, statements)).committed;
  }

  async function openWallet(topUpNanos: bigint, floorNanos: bigint | undefined = 0n): Promise<void> {
    await database.commit(wallets.openingStatements({ tenantId: 'ten_1', currency: 'USD', ...(floorNanos === undefined ? {} : { floorNanos }) }));
    if (topUpNanos > 0n) await wallets.topUp({ tenantId: 'ten_1', currency: 'USD', amountNanos: topUpNanos, openable: false });
  }

  async function expectSoundBooks(): Promise<void> {
    const { laws } = await verifyLedger(database, clock.nowMs());
    expect(laws.filter(({ breach }) => breach !== undefined)).toEqual([]);
  }

  const transfers = (): Promise<TransfersTable[]> => database.query(database.builder<LedgerTables>().selectFrom('ledger_transfers').selectAll().orderBy('id').compile());

  describe('a call', () => {
    it('that the house will settle is held once, however often that is tried, outlives every server, and is found again', async () => {
      await openWallet(1_000n);
      const legs = [{ account: wallet(), amountNanos: 300n }, { account: budget(900n), amountNanos: 310n }];
      const wish = { generationId: 'gen_far', attempt: 1, tenantId: 'ten_1', keyId: 'key_1', legs, lifeMs: 3_600_000, memo: '{}', ofHouse: true } as const;
      const servers = [ledger, ledger, new Ledger({ database, clock, nodeId: 'node_other' })];
      for (const server of servers) await server.reserve(wish);
      expect(await wallets.of('ten_1')).toMatchObject([{ heldNanos: 300n }]);
      const orphans: OrphanedCall[] = [];
      const node = new LedgerNode({ database, clock, id: 'node_new', alone: true, onOrphan: (call) => (orphans.push(call), []), onFailure: (cause) => { throw cause; } });
      expect(await node.sweep()).toBe(0);
      const held = await new Ledger({ database, clock, nodeId: 'node_new' }).openHold('gen_far', 1);
      expect(held).toMatchObject({ generationId: 'gen_far', tenantId: 'ten_1', keyId: 'key_1', legs: [{ amountNanos: 300n }, { amountNanos: 310n }] });
      expect(await settle(held, charge(120n, 120n))).toBe(true);
      expect(await ledger.openHold('gen_far', 1)).toBeUndefined();
      expect(await wallets.of('ten_1')).toMatchObject([{ heldNanos: 0n, balanceNanos: 880n }]);
      await ledger.reserve({ ...wish, generationId: 'gen_late' });
      clock.advance(3_600_001);
      expect([await node.sweep(), orphans.map(({ generationId }) => generationId)]).toEqual([1, ['gen_late']]);
      await expectSoundBooks();
    });

    it('holds its worst case, is charged what it came to, and has the rest back', async () => {
      await openWallet(1_000n);
      const held = await hold(700n);
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 1_000n, heldNanos: 700n, spentNanos: 0n }]);
      await expectSoundBooks();
      expect(await settle(held, charge(250n))).toBe(true);
      expect(await wallets.of('ten_1')).toEqual([
        { currency: 'USD', balanceNanos: 750n, heldNanos: 0n, floorNanos: 0n, toppedUpNanos: 1_000n, trialNanos: 0n, spentNanos: 250n },
      ]);
      const { totals } = await verifyLedger(database, clock.nowMs());
      expect(Object.fromEntries(totals.map(({ kind, balanceNanos }) => [kind, balanceNanos]))).toEqual({
        wallet: 750n, revenue: 250n, funding: -1_000n, 'upstream-cost': -125n, 'upstream-payable': 125n,
      });
      await expectSoundBooks();
    });

    it('is refused when there is less than it may cost, with nothing changed and what there is in the words', async () => {
      await openWallet(1_000n);
      await hold(600n);
      const fault = await hold(401n).catch((thrown: unknown) => thrown);
      expect(fault).toMatchObject({ code: 'quota_exceeded', message: expect.stringContaining('<ten_1> 0.0000004 USD available') });
      await hold(400n);
      expect(await wallets.of('ten_1')).toMatchObject([{ heldNanos: 1_000n }]);
      await expectSoundBooks();
    });

    it('costs nothing when nothing was used', async () => {
      await openWallet(1_000n);
      expect(await release(await hold(600n))).toBe(true);
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 1_000n, heldNanos: 0n }]);
      expect((await transfers()).map(({ phase, amount_nanos: amount }) => [phase, amount])).toEqual([['pending', 600n], ['voided', 0n], ['posted', 1_000n]]);
      await expectSoundBooks();
    });

    it('that comes to more than was held is the operator’s loss, never the wallet’s', async () => {
      await openWallet(100n);
      await settle(await hold(100n), charge(130n));
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 0n }]);
      const { totals } = await verifyLedger(database, clock.nowMs());
      expect(totals).toContainEqual({ kind: 'operator-loss', currency: 'USD', balanceNanos: -30n });
      expect(totals).toContainEqual({ kind: 'revenue', currency: 'USD', balanceNanos: 130n });
      await expectSoundBooks();
    });

    it('is settled once: a second settlement, release or expiry changes nothing', async () => {
      await openWallet(1_000n);
      const held = await hold(500n);
      expect(await settle(held, charge(200n))).toBe(true);
      expect(await settle(held, charge(300n))).toBe(false);
      expect(await release(held)).toBe(false);
      expect(await ledger.resolutionOf(held)).toBe('posted');
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 800n, heldNanos: 0n }]);
      await expectSoundBooks();
    });

    it('that cannot cost anything needs no hold, and the books say once that it was settled', async () => {
      expect(await settle(undefined, charge(0n))).toBe(true);
      await expect(settle(undefined, charge(0n))).rejects.toMatchObject({ constraint: 'unique' });
      await expectSoundBooks();
    });

    it('names the rate when its price was in another currency', async () => {
      await openWallet(1_000n);
      const conversion = { priceNanos: 700n, priceCurrency: 'CNY', rate: '0.14', rateFrom: '2026-11-26' };
      await settle(await hold(100n), { ...charge(98n), conversion });
      const posted = (await transfers()).find(({ kind, phase }) => kind === 'charge' && phase === 'posted');
      expect(posted).toMatchObject({ amount_nanos: 98n, currency: 'USD', price_nanos: 700n, price_currency: 'CNY', rate: '0.14', rate_from: '2026-11-26' });
    });
  });

  describe('wallets', () => {
    it('open by themselves only where a tenant pays in each price’s own currency', async () => {
      await expect(hold(1n)).rejects.toMatchObject({ code: 'quota_exceeded' });
      await settle(await reserve({ account: wallet(true), amountNanos: 900n }), charge(900n));
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: -900n, spentNanos: 900n }]);
      await expectSoundBooks();
    });

    it('go down to their floor and no further', async () => {
      await openWallet(0n, -500n);
      await settle(await hold(500n), charge(500n));
      await expect(hold(1n)).rejects.toMatchObject({ code: 'quota_exceeded' });
      await expectSoundBooks();
    });

    it('book a payment of one name once, and a trial credit once', async () => {
      await database.commit(wallets.openingStatements({ tenantId: 'ten_1', currency: 'USD', floorNanos: 0n, trialNanos: 50n }));
      await expect(database.commit(wallets.openingStatements({ tenantId: 'ten_1', currency: 'USD', floorNanos: 0n, trialNanos: 50n }))).rejects.toMatchObject({ constraint: 'unique' });
      const payment = { tenantId: 'ten_1', currency: 'USD', amountNanos: 70n, reference: 'invoice 7', openable: false } as const;
      await wallets.topUp(payment);
      await expect(wallets.topUp(payment)).rejects.toMatchObject({ code: 'conflict', field: 'reference' });
      await expect(wallets.topUp({ ...payment, currency: 'EUR', reference: 'invoice 8' })).rejects.toMatchObject({ code: 'invalid_request', field: 'currency' });
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 120n, toppedUpNanos: 70n, trialNanos: 50n }]);
      expect((await wallets.credits('ten_1', 10)).map(({ kind }) => kind).toSorted()).toEqual(['top-up', 'trial']);
      await expectSoundBooks();
    });
  });

  describe('a payment that was wrong', () => {
    it('is taken back as far as it is neither spent nor held, once under its name', async () => {
      await openWallet(2_000n);
      const held = await hold(500n);
      const payment = { tenantId: 'ten_1', currency: 'USD', amountNanos: 1_501n, reference: 'typo' } as const;
      await expect(wallets.withdraw(payment)).rejects.toMatchObject({ code: 'invalid_request', field: 'amount', message: expect.stringContaining('no more than 0.0000015 USD') });
      await expect(wallets.withdraw({ ...payment, currency: 'EUR' })).rejects.toMatchObject({ code: 'invalid_request', field: 'currency' });
      expect(await wallets.withdraw({ ...payment, amountNanos: 1_500n })).toBe('withdrawal/ten_1/typo');
      await expect(wallets.withdraw({ ...payment, amountNanos: 0n })).rejects.toMatchObject({ code: 'conflict', field: 'reference' });
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 500n, heldNanos: 500n, toppedUpNanos: 500n, spentNanos: 0n }]);
      await expect(hold(1n)).rejects.toMatchObject({ code: 'quota_exceeded', message: expect.stringMatching(/0 USD available, beside 0.0000005 held for calls under way, and this request may cost 0.000000001 USD/) });
      await settle(held, charge(500n));
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 0n, heldNanos: 0n, toppedUpNanos: 500n, spentNanos: 500n }]);
      await expectSoundBooks();
    });

    it('is taken back or held, never both, when both come at once', async () => {
      await openWallet(100n);
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? hold(30n) : wallets.withdraw({ tenantId: 'ten_1', currency: 'USD', amountNanos: 30n }))));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      await expectSoundBooks();
    });
  });

  describe('budgets', () => {
    it('are taken with the wallet or not at all, and say what is left', async () => {
      await openWallet(1_000n);
      const legs = (amountNanos: bigint): readonly HoldLeg[] => [{ account: wallet(), amountNanos }, { account: budget(300n), amountNanos }];
      const held = await reserve(...legs(200n));
      const fault = await reserve(...legs(101n)).catch((thrown: unknown) => thrown);
      expect(fault).toMatchObject({ code: 'quota_exceeded', message: expect.stringMatching(/spending limit of this key, day 2026-11-27: 0.0000001 USD left of 0.0000003 USD, beside 0.0000002 held for calls under way, and this request may cost 0.000000101 USD; lower max_tokens, wait until those calls have ended, or wait for the next period$/) });
      const tooMuch = await reserve(...legs(301n)).catch((thrown: unknown) => thrown);
      expect(tooMuch).toMatchObject({ code: 'quota_exceeded', message: expect.stringMatching(/may cost 0.000000301 USD; lower max_tokens, wait until those calls have ended$/) });
      expect(await wallets.of('ten_1')).toMatchObject([{ heldNanos: 200n }]);
      await expect(settle(held, charge(150n))).rejects.toThrow(/says nothing of leg 1 of its hold, budget\/key_1/);
      await settle(held, charge(150n, 150n));
      expect(await wallets.budgetsOf('key_1')).toMatchObject([{ posted_nanos: 150n, pending_nanos: 0n, floor_nanos: 0n }]);
      await reserve(...legs(150n));
      await expectSoundBooks();
    });

    it('of several owners bind together, whatever the order of their ids', async () => {
      await openWallet(1_000n);
      const legs = [{ account: wallet(), amountNanos: 60n }, { account: budget(500n, 'ten_1'), amountNanos: 60n }, { account: budget(100n, 'key_1'), amountNanos: 60n }];
      await settle(await reserve(...legs), charge(60n, 60n, 60n));
      await expect(reserve(...legs)).rejects.toMatchObject({ code: 'quota_exceeded', message: expect.stringContaining('of this key') });
      expect(await wallets.budgetsOf('ten_1')).toMatchObject([{ posted_nanos: 440n, pending_nanos: 0n }]);
      await expectSoundBooks();
    });
  });

  describe('under concurrency', () => {
    it('1,000 calls at once on a balance for 500: exactly 500 are accepted', async () => {
      await openWallet(500n * 7n);
      const results = await Promise.allSettled(Array.from({ length: 1_000 }, () => hold(7n)));
      const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(held).toHaveLength(500);
      await Promise.all(held.map((one) => settle(one, charge(7n))));
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 0n, heldNanos: 0n }]);
      await expectSoundBooks();
    });

    it('whatever is done in whatever order, the laws hold and the sums are right', async () => {
      const step = fc.oneof(
        fc.record({ do: fc.constant('hold' as const), amount: fc.bigInt(0n, 400n), budgeted: fc.boolean() }),
        fc.record({ do: fc.constantFrom('settle' as const, 'release' as const), which: fc.nat(30), amount: fc.bigInt(0n, 500n) }),
      );
      let tenant = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          tenant += 1;
          const tenantId = `ten_p${tenant}` as const;
          await database.commit(wallets.openingStatements({ tenantId, currency: 'USD', floorNanos: -100n }));
          await wallets.topUp({ tenantId, currency: 'USD', amountNanos: 1_000n, openable: false });
          const holds: Hold[] = [];
          let spent = 0n;
          const done = new Set<Hold>();
          await Promise.all(
            steps.map(async (one) => {
              if (one.do === 'hold') {
                generations += 1;
                const legs: HoldLeg[] = [{ account: { kind: 'wallet', tenantId, currency: 'USD', openable: false }, amountNanos: one.amount }];
                if (one.budgeted) legs.push({ account: budget(900n, tenantId), amountNanos: one.amount });
                const wish = { generationId: `gen_${generations}` as const, attempt: 1, tenantId, keyId: 'key_1', legs, lifeMs: 60_000, memo: '{}' };
                await ledger.reserve(wish).then((held) => holds.push(held), (fault: unknown) => expect(fault).toBeInstanceOf(Fault));
                return;
              }
              const held = holds[one.which % Math.max(1, holds.length)];
              if (held === undefined) return;
              const committed = one.do === 'settle' ? await settle(held, charge(one.amount, one.amount)) : await release(held);
              expect(committed).toBe(!done.has(held));
              if (committed && one.do === 'settle') spent += one.amount < (held.legs[0]?.amountNanos ?? 0n) ? one.amount : (held.legs[0]?.amountNanos ?? 0n);
              done.add(held);
            }),
          );
          const [view] = await wallets.of(tenantId);
          const open = holds.filter((held) => !done.has(held)).reduce((so, held) => so + (held.legs[0]?.amountNanos ?? 0n), 0n);
          expect(view).toMatchObject({ spentNanos: spent, balanceNanos: 1_000n - spent, heldNanos: open });
        }),
        { numRuns: 20 },
      );
      await expectSoundBooks();
    });
  });

  describe('a server that died', () => {
    const nodeOf = (id: `node_${string}`, alone: boolean, orphans: OrphanedCall[] = []): LedgerNode =>
      new LedgerNode({ database, clock, id, alone, onOrphan: (call) => (orphans.push(call), []), onFailure: (cause) => { throw cause; } });

    it('has its holds given back by the next one, once, and its calls told', async () => {
      await openWallet(1_000n);
      const held = await reserve({ account: wallet(), amountNanos: 300n }, { account: budget(500n), amountNanos: 300n });
      const orphans: OrphanedCall[] = [];
      const next = nodeOf('node_next', true, orphans);
      expect(await next.sweep()).toBe(1);
      expect(await next.sweep()).toBe(0);
      expect(orphans).toEqual([{ generationId: 'gen_1', tenantId: 'ten_1', keyId: 'key_1', heldMs: clock.nowMs(), memo: '{}' }]);
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 1_000n, heldNanos: 0n }]);
      expect(await ledger.resolutionOf(held)).toBe('expired');
      expect(await settle(held, charge(100n, 100n))).toBe(false);
      const late = ledger.lateSettlement({ generationId: 'gen_1', tenantId: 'ten_1', keyId: 'key_1', charge: charge(100n), cost: { upstreamId: 'u', currency: 'USD', amountNanos: 90n } });
      await database.commit(late.statements);
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 1_000n }]);
      await expectSoundBooks();
    });

    it('among others is known by its lease, and those who live keep theirs', async () => {
      await openWallet(1_000n);
      const mine = nodeOf('node_me', false);
      await mine.start(ledger);
      const dead = new Ledger({ database, clock, nodeId: 'node_dead' });
      await hold(100n);
      await dead.reserve({ generationId: 'gen_dead', attempt: 1, tenantId: 'ten_1', keyId: 'key_1', legs: [{ account: wallet(), amountNanos: 200n }], lifeMs: 60_000, memo: '{}' });
      expect(await nodeOf('node_other', false).sweep()).toBe(1);
      expect(await wallets.of('ten_1')).toMatchObject([{ heldNanos: 100n }]);
      await mine[Symbol.asyncDispose]();
      expect(await nodeOf('node_other', false).sweep()).toBe(1);
      await expectSoundBooks();
    });

    it('is not taken for dead because of what its clock says', async () => {
      await openWallet(1_000n);
      const hasty = new ManualClock(clock.nowMs() + 3_600_000);
      const other = new LedgerNode({ database, clock: hasty, id: 'node_other', alone: false, onOrphan: () => [], onFailure: (cause) => { throw cause; } });
      const held = await ledger.reserve({ generationId: 'gen_1', attempt: 1, tenantId: 'ten_1', keyId: 'key_1', legs: [{ account: wallet(), amountNanos: 100n }], lifeMs: 7_200_000, memo: '{}' });
      const beat = (): Promise<unknown> => {
        const lease = { lease_until_ms: clock.nowMs() + 15_000 };
        return database.commit([
          database.builder<LedgerTables>().insertInto('ledger_nodes').values({ id: 'node_me', ...lease }).onConflict((conflict) => conflict.column('id').doUpdateSet(lease)).compile(),
        ]);
      };
      for (let beats = 0; beats < 8; beats += 1) {
        await beat();
        expect(await other.sweep()).toBe(0);
        clock.advance(5_000);
        hasty.advance(5_000);
      }
      expect(await ledger.resolutionOf(held)).toBeUndefined();
      for (let passed = 0; passed < 15_000; passed += 5_000) {
        expect(await other.sweep()).toBe(0);
        hasty.advance(5_000);
      }
      hasty.advance(1);
      expect(await other.sweep()).toBe(1);
      await expectSoundBooks();
    });

    it('is not taken for dead because the database was gone for all of them', async () => {
      let isGone = false;
      let underWay = 0;
      const through = async <Result>(run: () => Promise<Result>): Promise<Result> => {
        if (isGone) throw new Fault('storage_unavailable');
        underWay += 1;
        return run().finally(() => (underWay -= 1));
      };
      const view: Database = {
        builder: <Tables>() => database.builder<Tables>(),
        commit: (statements) => through(() => database.commit(statements)),
        commitIf: (guards, statements) => through(() => database.commitIf(guards, statements)),
        query: (statement) => through(() => database.query(statement)),
        report: (statement) => through(() => database.report(statement)),
        announcement: () => [],
        onAnnouncement: () => () => {},
        exclusively: (task) => task(),
        async [Symbol.asyncDispose]() {},
      };
      const nodes = (['node_other', 'node_me'] as const).map((id) => new LedgerNode({ database: view, clock, id, alone: false, onOrphan: () => [], onFailure: () => {} }));
      const pass = async (ms: number): Promise<void> => {
        for (let passed = 0; passed < ms; passed += 1_000) {
          clock.advance(1_000);
          do await new Promise((resolve) => setImmediate(resolve));
          while (underWay > 0);
        }
      };
      await openWallet(1_000n);
      await nodes[0]?.start(ledger);
      // The other one's next round comes a second after ours, which is the last to find the database gone.
      await pass(4_000);
      await nodes[1]?.start(ledger);
      const held = await ledger.reserve({ generationId: 'gen_1', attempt: 1, tenantId: 'ten_1', keyId: 'key_1', legs: [{ account: wallet(), amountNanos: 100n }], lifeMs: 600_000, memo: '{}' });
      isGone = true;
      await pass(31_000);
      isGone = false;
      await pass(30_000);
      expect(await ledger.resolutionOf(held)).toBeUndefined();
      await nodes[1]?.[Symbol.asyncDispose]();
      await pass(6_000);
      expect(await ledger.resolutionOf(held)).toBe('expired');
      await nodes[0]?.[Symbol.asyncDispose]();
      await expectSoundBooks();
    });

    it('in peace books first what was noted for later', async () => {
      await openWallet(1_000n);
      const mine = nodeOf('node_me', false);
      await mine.start(ledger);
      const held = await hold(100n);
      ledger.freeLater(held);
      await mine[Symbol.asyncDispose]();
      expect(await ledger.resolutionOf(held)).toBe('voided');
    });

    it('and so is a hold whose time is over, whoever has it', async () => {
      await openWallet(1_000n);
      await hold(100n);
      clock.advance(60_001);
      expect((await verifyLedger(database, clock.nowMs() + 60_001)).laws.find(({ breach }) => breach !== undefined)).toMatchObject({ law: 'no hold is open past its expiry', breach: expect.stringContaining('gen_1') });
      expect(await nodeOf('node_me', true).sweep()).toBe(1);
      await expectSoundBooks();
    });

    it('gives back many at once, over pages', async () => {
      await openWallet(1_000_000n);
      await Promise.all(Array.from({ length: 700 }, () => reserve({ account: wallet(), amountNanos: 1n }, { account: budget(1_000n), amountNanos: 1n })));
      expect(await nodeOf('node_next', true).sweep()).toBe(700);
      expect(await wallets.of('ten_1')).toMatchObject([{ heldNanos: 0n }]);
      await expectSoundBooks();
    });
  });

  describe('the proof', () => {
    it.each([
      ['each balance is the sum of its transfers', `UPDATE ledger_balances SET posted_nanos = posted_nanos + 1`],
      ['what is held on each account is the sum of its open holds', `UPDATE ledger_balances SET pending_nanos = pending_nanos + 1`],
      ['no account is below its floor', `UPDATE ledger_balances SET floor_nanos = 100000`],
      ['each hold is open or resolved, never both, never neither', `UPDATE ledger_transfers SET open = 0 WHERE open = 1`],
      ['each resolution is of a hold between the same accounts, and moves no more than was held', `UPDATE ledger_transfers SET amount_nanos = 100001 WHERE phase = 'posted' AND kind = 'charge'`],
      ['no call is charged twice', `UPDATE ledger_transfers SET generation_id = 'gen_1', kind = 'charge' WHERE kind = 'cost'`],
      ['the accounts in USD sum to zero', `UPDATE ledger_balances SET posted_nanos = posted_nanos + 1`],
    ])('sees when it is not true that %s', async (law, breach) => {
      await openWallet(1_000n);
      await settle(await hold(100n), charge(60n));
      await hold(100n);
      await expectSoundBooks();
      await database.commit([sql.raw(breach).compile(database.builder())]);
      const { laws } = await verifyLedger(database, clock.nowMs());
      expect(laws.filter((one) => one.breach !== undefined).map((one) => one.law)).toContain(law);
    });
  });
});
