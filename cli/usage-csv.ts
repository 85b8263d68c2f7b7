import type { UsageReport } from '../client/answer.ts';
import { type CsvCell, renderCsv } from './csv.ts';

const figures = ['charged', 'cost', 'margin', 'cacheSaved', 'loss', 'free', 'storage'] as const;
const titles: Readonly<Record<(typeof figures)[number], string>> = {
  charged: 'charged', cost: 'cost', margin: 'margin', cacheSaved: 'cache_saved', loss: 'loss', free: 'free', storage: 'storage',
};

/**
 * The report as comma-separated values: one line for each row, without a total, so that a spreadsheet may add up the
 * columns. Each currency of the report has its own columns; an empty margin is one that cannot be told.
 */
export function usageCsv(report: UsageReport): string {
  const currencies = report.total.costs.map(({ currency }) => currency);
  const header = [
    'day', 'tenant', 'key', 'key_label', 'key_mode', 'model', 'upstream',
    'calls', 'partial', 'failed', 'unknown', 'free', 'unpriced', 'estimated', 'unmeasured', 'flagged',
    'input_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'output_tokens', 'reasoning_tokens', 'web_searches', 'stored_token_seconds', 'unpriced_stored_token_seconds',
    ...currencies.flatMap((currency) => figures.map((figure) => `${titles[figure]}_${currency.toLowerCase()}`)),
  ];
  const rows = report.rows.map((row): CsvCell[] => [
    row.day, row.tenant, row.key?.id, row.key?.label, row.key?.mode, row.model, row.upstream,
    row.generations, row.partial, row.failed, row.unknown, row.free, row.unpriced, row.estimated, row.unmeasured, row.flagged,
    row.tokens.inputUncached, row.tokens.cacheRead, row.tokens.cacheWrite, row.tokens.cacheWrite1h, row.tokens.output, row.tokens.reasoning, row.webSearches, row.storage.tokenSeconds, row.storage.unpricedTokenSeconds,
    ...currencies.flatMap((currency) => {
      const costs = row.costs.find((one) => one.currency === currency);
      return figures.map((figure) => (costs === undefined ? (figure === 'margin' ? null : '0') : costs[figure]));
    }),
  ]);
  return renderCsv(header, rows);
}
