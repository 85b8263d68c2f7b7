import { sql } from 'kysely';
import { formatNanos, type Nanos } from './base/money.ts';
import { storageNanos } from './catalog/storage-rating.ts';
import { chargeRateOf, costRateOf } from './gateway/storage-piece.ts';
import type { StorageMetersTable } from './ledger/storage-tables.ts';
import { type Breach, type Law, type LawResult, lawsOn, testLaws } from './ledger/verify.ts';
import type { Database } from './storage/database.ts';

/** Proves what is in the books for storage in context caches, from the meters' terms alone. Throws `storage_unavailable`. */
export async function verifyStorage(database: Database): Promise<readonly LawResult[]> {
  return [await billedLaw(database), ...(await testLaws(database, lawsOf(database)))];
}

interface BilledMeter extends StorageMetersTable {
  readonly charged_nanos: Nanos;
  readonly booked_cost_nanos: Nanos;
}

const pageSize = 1_000;

/** The products are beyond 64 bits, so that this one is worked out here. A meter and its transfers are read by one statement. */
async function billedLaw(database: Database): Promise<LawResult> {
  const law = 'each context cache has been billed for the time that it was kept, to the nano-unit';
  for (let after = ''; ; ) {
    const meters = await database.report(
      sql<BilledMeter>`
        SELECT m.*,
          (SELECT COALESCE(SUM(amount_nanos), 0) FROM ledger_transfers t WHERE t.cache_id = m.cache_id AND t.kind IN ('storage', 'storage-loss')) AS charged_nanos,
          (SELECT COALESCE(SUM(amount_nanos), 0) FROM ledger_transfers t WHERE t.cache_id = m.cache_id AND t.kind = 'storage-cost') AS booked_cost_nanos
        FROM ledger_storage_meters m WHERE m.cache_id > ${after} ORDER BY m.cache_id LIMIT ${pageSize}`.compile(database.builder<never>()),
    );
    for (const meter of meters) {
      const breach = breachOf(meter);
      if (breach !== undefined) return { law, breach };
    }
    const last = meters.at(-1);
    if (last === undefined || meters.length < pageSize) return { law };
    after = last.cache_id;
  }
}

function breachOf(meter: BilledMeter): string | undefined {
  const { cache_id: id, started_ms: startedMs, billed_until_ms: untilMs, charged_nanos: charged, booked_cost_nanos: cost } = meter;
  const comesTo = (rate: ReturnType<typeof costRateOf>): Nanos => (rate === undefined ? 0n : storageNanos(rate, untilMs - startedMs));
  const asked = comesTo(chargeRateOf(meter));
  const owed = meter.cost_state === 'priced' ? comesTo(costRateOf(meter)) : 0n;
  if (charged !== asked) return `${id} (charged, ${formatNanos(charged)} instead of ${formatNanos(asked)})`;
  return cost === owed ? undefined : `${id} (cost, ${formatNanos(cost)} instead of ${formatNanos(owed)})`;
}

function lawsOf(database: Database): readonly Law[] {
  const breaking = lawsOn(database.builder<never>());
  return [
    breaking('each transfer for storage is of a cache of that tenant, in a currency of its meter', sql<Breach>`
      SELECT t.id AS id, CASE WHEN m.cache_id IS NULL THEN 'no such cache' WHEN m.tenant_id <> t.tenant_id THEN 'of another tenant' ELSE t.currency END AS detail
      FROM ledger_transfers t LEFT JOIN ledger_storage_meters m ON m.cache_id = t.cache_id
      WHERE (t.cache_id IS NOT NULL OR t.kind IN ('storage', 'storage-cost', 'storage-loss')) AND (
        m.cache_id IS NULL OR t.tenant_id IS NULL OR m.tenant_id <> t.tenant_id
        OR (t.kind IN ('storage', 'storage-loss') AND (m.charge_currency IS NULL OR m.charge_currency <> t.currency))
        OR (t.kind = 'storage-cost' AND (m.cost_currency IS NULL OR m.cost_currency <> t.currency))
      ) ORDER BY t.id LIMIT 1`),
    breaking('no cache is billed for a time before it was kept or after it has expired', sql<Breach>`
      SELECT cache_id AS id, CASE WHEN billed_until_ms > ends_ms THEN 'beyond' ELSE 'before it began' END AS detail FROM ledger_storage_meters
      WHERE billed_until_ms > ends_ms OR billed_until_ms < started_ms ORDER BY cache_id LIMIT 1`),
    // A cache that ended a while ago is no longer in its table; its meter stays.
    breaking('each metered cache is of the same tenant where it is kept, is billed no longer than it is there, and is not there unbilled', sql<Breach>`
      SELECT m.cache_id AS id, CASE WHEN c.tenant_id <> m.tenant_id OR c.mode <> m.mode THEN 'of another tenant' WHEN c.ended_ms IS NULL THEN 'unbilled' ELSE 'billed after its end' END AS detail
      FROM ledger_storage_meters m JOIN context_caches c ON c.id = m.cache_id
      WHERE c.tenant_id <> m.tenant_id OR c.mode <> m.mode OR (c.ended_ms IS NULL AND m.open = 0) OR m.billed_until_ms > c.ended_ms
      ORDER BY m.cache_id LIMIT 1`),
    // What the reports say of a tenant, of an upstream and of the operator's loss.
    breaking('storage is reported by the hour as it was booked', sql<Breach>`
      SELECT who || ' ' || currency AS id, kind AS detail, SUM(counted_nanos) AS found_nanos, SUM(booked_nanos) AS expected_nanos FROM (
        SELECT tenant_id AS who, charge_currency AS currency, 'storage' AS kind, charge_nanos AS counted_nanos, 0 AS booked_nanos FROM storage_hours
        UNION ALL SELECT tenant_id, charge_currency, 'storage-loss', loss_nanos, 0 FROM storage_hours
        UNION ALL SELECT tenant_id, currency, 'storage-cost', cost_nanos, 0 FROM storage_hours WHERE cost_state = 'priced'
        UNION ALL SELECT tenant_id, currency, kind, 0, amount_nanos FROM ledger_transfers WHERE kind IN ('storage', 'storage-cost', 'storage-loss')
      ) sides GROUP BY who, currency, kind HAVING SUM(counted_nanos) <> SUM(booked_nanos) ORDER BY who, currency, kind LIMIT 1`),
  ];
}
