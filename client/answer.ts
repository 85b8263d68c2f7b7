/** What the admin API answers, for those who use the client: they do not import the contract itself. */
export type { ExchangeRate, RatesReport } from '../contract/exchange-rate.ts';
export type { Generation } from '../contract/generation.ts';
export type { ApiKey } from '../contract/key.ts';
export type { OfferPrice, PricesReport, ShownPrice } from '../contract/price.ts';
export type { FetchedFigures, ImportedFigures, ReconciledDay, Reconciliation } from '../contract/reconciliation.ts';
export type { ServerInfo } from '../contract/server-info.ts';
export type { UsageGrouping, UsageReport, UsageRow, UsageTotals } from '../contract/usage-report.ts';
