/** What the admin API answers, for those who use the client: they do not import the contract itself. */
export type { Batch } from '../contract/batch.ts';
export type { Credit } from '../contract/credit.ts';
export type { ExchangeRate, RatesReport } from '../contract/exchange-rate.ts';
export type { StoredFile } from '../contract/file.ts';
export type { Generation } from '../contract/generation.ts';
export type { ApiKey } from '../contract/key.ts';
export type { Budget, LimitPolicy, RateLimits, Spending } from '../contract/limits.ts';
export type { OfferPrice, PricesReport, ShownPrice } from '../contract/price.ts';
export type { FetchedFigures, ImportedFigures, ReconciledDay, Reconciliation } from '../contract/reconciliation.ts';
export type { ServerInfo } from '../contract/server-info.ts';
export type { Tenant, Wallet } from '../contract/tenant.ts';
export type { Transfer } from '../contract/transfer.ts';
export type { UsageGrouping, UsageReport, UsageRow, UsageTotals } from '../contract/usage-report.ts';
