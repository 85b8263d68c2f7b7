import type { Generation } from '../../../contract/generation.ts';
import type { TenantId } from '../../base/id.ts';
import { formatNanos } from '../../base/money.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Usage } from '../../dialogue/usage.ts';
import type { GenerationRecord } from '../../records/generation-record.ts';
import type { RecordsStore } from '../../records/records-store.ts';
import type { AdminHandlers } from './admin-handlers.ts';

/** The recent generations, newest first. `catalog` says which model a name means, `findTenant` which tenant. */
export function generationsHandlers(
  records: Pick<RecordsStore, 'list'>,
  catalog: Pick<Catalog, 'resolve'>,
  findTenant: (reference: string) => Promise<{ readonly id: TenantId }>,
): Pick<AdminHandlers, 'generations'> {
  return {
    async generations({ limit, before, tenant, key, model, state }) {
      const page = await records.list({
        limit,
        ...(before === undefined ? {} : { before }),
        ...(tenant === undefined ? {} : { tenantId: (await findTenant(tenant)).id }),
        ...(key === undefined ? {} : { keyId: key }),
        // A model that the catalog no longer knows may well have generations.
        ...(model === undefined ? {} : { modelId: catalog.resolve(model)?.model.id ?? model }),
        ...(state === undefined ? {} : { state }),
      });
      return { generations: page.map(toGeneration), next: page.length < limit ? null : (page.at(-1)?.id ?? null) };
    },
  };
}

function toGeneration(record: GenerationRecord): Generation {
  const { usage } = record;
  return {
    id: record.id,
    tenantId: record.tenantId,
    keyId: record.keyId,
    mode: record.mode,
    surface: record.surface,
    batchId: record.batchId ?? null,
    requestedModel: record.requestedModel,
    model: record.modelId,
    upstream: record.upstreamId ?? null,
    upstreamModel: record.upstreamModel ?? null,
    upstreamReplyId: record.upstreamReplyId ?? null,
    streamed: record.streamed,
    state: record.state,
    finishReason: record.finishReason ?? null,
    errorCode: record.faultCode ?? null,
    cancelled: record.cancelled,
    attempts: record.attempts,
    tokens: usage === undefined ? null : toTokens(usage),
    webSearches: usage?.webSearches ?? 0,
    cost: {
      state: record.costState,
      amount: record.costNanos === undefined ? null : formatNanos(record.costNanos),
      currency: record.currency ?? null,
      priceId: record.priceId ?? null,
    },
    charge: toCharge(record),
    flags: [...(record.flags ?? [])],
    startedAt: new Date(record.startedMs).toISOString(),
    firstEventAfterMs: record.firstEventAfterMs ?? null,
    durationMs: record.durationMs,
  };
}

function toTokens(usage: Usage): NonNullable<Generation['tokens']> {
  const { inputUncached, cacheRead, cacheWrite, cacheWrite1h = 0, output, reasoning, estimated } = usage;
  return { inputUncached, cacheRead, cacheWrite, cacheWrite1h, output, reasoning: reasoning ?? null, estimated };
}

function toCharge(record: GenerationRecord): Generation['charge'] {
  const { chargeNanos, chargeCurrency } = record;
  if (chargeNanos === undefined || chargeCurrency === undefined) return null;
  return {
    amount: formatNanos(chargeNanos),
    currency: chargeCurrency,
    rule: record.chargeRule ?? null,
    exchangeRate: record.exchangeRate ?? null,
    exchangeRateFrom: record.exchangeRateFrom ?? null,
    cacheSaved: formatNanos(record.cacheSavedNanos ?? 0n),
    loss: formatNanos(record.lossNanos ?? 0n),
  };
}
