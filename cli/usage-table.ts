import type { UsageGrouping, UsageReport, UsageRow, UsageTotals } from '../client/answer.ts';
import { type Column, renderTable } from './table.ts';

/** The report as a table with a legend for the marks that occur in it. */
export function usageText(report: UsageReport): string {
  if (report.rows.length === 0) return 'nothing was used in that time\n';
  const names = nameColumns(report.by);
  const columns: Column[] = [
    ...names.map(({ title }) => ({ title })),
    { title: 'CALLS', align: 'right' },
    { title: 'FAILED', align: 'right' },
    { title: 'PROMPT', align: 'right' },
    { title: 'CACHED', align: 'right' },
    { title: 'OUTPUT', align: 'right' },
    { title: 'CHARGED' },
    { title: 'SAVED' },
    { title: 'COST' },
    { title: 'MARGIN' },
  ];
  const rows = report.rows.map((row) => [...names.map(({ of }) => of(row)), ...figures(row)]);
  if (rows.length > 1) rows.push(['TOTAL', ...names.slice(1).map(() => ''), ...figures(report.total)]);
  return renderTable(columns, rows) + legend(report.total);
}

interface NameColumn {
  readonly title: string;
  of(row: UsageRow): string;
}

function nameColumns(by: UsageGrouping): NameColumn[] {
  const key: NameColumn = { title: 'KEY', of: keyName };
  const model: NameColumn = { title: 'MODEL', of: (row) => row.model ?? '-' };
  const upstream: NameColumn = { title: 'UPSTREAM', of: (row) => row.upstream ?? '(none reached)' };
  const day: NameColumn = { title: 'DAY', of: (row) => row.day ?? '-' };
  const tenant: NameColumn = { title: 'TENANT', of: (row) => row.tenant ?? '-' };
  return { key: [key], model: [model], upstream: [upstream], day: [day], tenant: [tenant], 'key-model': [key, model], 'day-model': [day, model] }[by];
}

function keyName({ key }: UsageRow): string {
  if (key === undefined) return '-';
  return `${key.label ?? key.id}${key.mode === 'test' ? ' (test)' : ''}`;
}

function figures(totals: UsageTotals): string[] {
  const { tokens } = totals;
  const about = totals.estimated > 0 ? '~' : '';
  const prompt = tokens.inputUncached + tokens.cacheRead + tokens.cacheWrite;
  return [
    grouped(totals.generations), grouped(totals.failed + totals.partial), about + grouped(prompt), grouped(tokens.cacheRead), about + grouped(tokens.output),
    chargeText(totals), amountsText(totals, 'cacheSaved'), amountsText(totals, 'cost'), marginText(totals),
  ];
}

/** Every currency apart; what is free or unknown is said, never shown as zero. */
function chargeText(totals: UsageTotals): string {
  const parts: string[] = [];
  const allFree = totals.free === totals.generations && totals.costs.every(({ charged }) => charged === '0');
  for (const { currency, charged, free } of totals.costs) {
    // A zero is shown where it is the charge, and not where it only stands beside the cost in another currency.
    if (!allFree && (charged !== '0' || (free === '0' && totals.costs.every((one) => one.charged === '0')))) parts.push(`${charged} ${currency}`);
  }
  if (totals.free > 0) {
    const worth = totals.costs.filter(({ free }) => free !== '0').map(({ free, currency }) => `${free} ${currency}`);
    parts.push(`${allFree ? '' : `${grouped(totals.free)} `}free (sandbox)${worth.length === 0 ? '' : `, list price ${worth.join(' + ')}`}`);
  }
  if (totals.unpriced > 0) parts.push(`${grouped(totals.unpriced)} unpriced (!)`);
  return parts.length === 0 ? '-' : parts.join(' + ');
}

function amountsText({ costs }: UsageTotals, figure: 'cacheSaved' | 'cost'): string {
  const parts = costs.filter((one) => one[figure] !== '0').map((one) => `${one[figure]} ${one.currency}`);
  return parts.length === 0 ? '-' : parts.join(' + ');
}

/** Where charges and costs cannot be compared, a question mark in place of the margin. */
function marginText({ costs }: UsageTotals): string {
  const parts = costs.filter(({ margin, charged }) => margin !== null || charged !== '0').map(({ margin, currency }) => `${margin ?? '?'} ${currency}`);
  return parts.length === 0 ? '-' : parts.join(' + ');
}

function legend(total: UsageTotals): string {
  const lines: string[] = [];
  if (total.failed + total.partial > 0) lines.push(`FAILED: ${grouped(total.failed)} delivered nothing, ${grouped(total.partial)} were cut; see moongate generations`);
  if (total.unknown > 0) lines.push(`calls of unknown outcome: ${grouped(total.unknown)} (their server died); see moongate generations --state unknown`);
  if (total.flagged > 0) lines.push(`calls with something remarkable: ${grouped(total.flagged)}; see FLAGS of moongate generations`);
  if (total.estimated > 0) lines.push(`~  calls with estimated tokens: ${grouped(total.estimated)} (their upstream sent no usable count)`);
  if (total.unpriced > 0) lines.push(`!  calls of unknown cost: ${grouped(total.unpriced)} (their model has no price; they are in no sum)`);
  const { tokenSeconds, unpricedTokenSeconds } = total.storage;
  if (tokenSeconds > 0) {
    const amounts = total.costs.filter(({ storage }) => storage !== '0').map(({ storage, currency }) => `${storage} ${currency}`);
    lines.push(`kept in context caches: ${tokenHours(tokenSeconds)} token-hours${amounts.length === 0 ? '' : `; of CHARGED, ${amounts.join(' + ')} is for that`}`);
  }
  if (unpricedTokenSeconds > 0) lines.push(`!  context caches of unknown cost: ${tokenHours(unpricedTokenSeconds)} token-hours (their price says nothing of storage; they are in no sum)`);
  for (const { currency, loss } of total.costs) if (loss !== '0') lines.push(`beyond reservations, charged to nobody: ${loss} ${currency}`);
  if (total.costs.some(({ margin, charged }) => margin === null && charged !== '0')) {
    lines.push('?  no margin: a cost is unknown, or in another currency without an exchange rate');
  }
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

function tokenHours(tokenSeconds: number): string {
  return (tokenSeconds / 3_600).toLocaleString('en-US', { maximumFractionDigits: 2 });
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
