import type { Batch } from '../client/answer.ts';

const barWidth = 24;
/** Shorter looks tell nothing of the speed. */
const spanMsMin = 2_000;

/** Says how far a batch is, and how long it will still take at the speed that was seen. */
export class BatchProgress {
  #first: { readonly atMs: number; readonly done: number; readonly tokens: number } | undefined;

  /** One line: bar, lines, time left, tokens a second, and what it has cost so far. */
  line(batch: Batch, nowMs: number): string {
    const { lines, tokens } = batch;
    const done = lines.completed + lines.failed;
    const all = tokens.input + tokens.output;
    if (lines.total === null || batch.status === 'validating') return `${batch.id}  the file is being read …`;
    this.#first ??= { atMs: nowMs, done, tokens: all };
    const share = lines.total === 0 ? 1 : done / lines.total;
    const filled = Math.floor(share * barWidth);
    const parts = [
      `[${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}] ${Math.floor(100 * share)} %`,
      `${number(done)} of ${number(lines.total)}${lines.failed === 0 ? '' : ` (${number(lines.failed)} failed)`}`,
      ...this.#speed(nowMs, done, all, lines.total),
      costText(batch),
    ];
    return parts.join('  ');
  }

  #speed(nowMs: number, done: number, tokens: number, total: number): readonly string[] {
    const first = this.#first;
    if (first === undefined || nowMs - first.atMs < spanMsMin || done === first.done) return [];
    const seconds = (nowMs - first.atMs) / 1000;
    const left = ((total - done) * seconds) / (done - first.done);
    return [...(done === total ? [] : [`${spanText(left)} left`]), `${number(Math.round((tokens - first.tokens) / seconds))} tokens/s`];
  }
}

/** What a batch has cost its tenant, in words. */
export function costText({ charges }: Batch): string {
  return charges.length === 0 ? 'nothing charged' : charges.map(({ amount, currency }) => `${amount} ${currency}`).join(' + ');
}

function spanText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
