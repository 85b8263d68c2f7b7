import type { DialectName } from '../dialect.ts';

/** How a vendor's own batches differ from the next vendor's. Paths and shapes are OpenAI's for all. */
export interface BatchDialect {
  readonly linesMax: number;
  /** Of one file. */
  readonly bytesMax: number;
  readonly windowHoursMin: number;
  readonly windowHoursMax: number;
  /** `completion_window` for so many hours. */
  windowText(hours: number): string;
}

/** moonshot-api.md 1.4 and 1.6. How many lines it takes is not stated there: OpenAI's number, which the form is taken from. */
const moonshot: BatchDialect = {
  linesMax: 50_000,
  bytesMax: 100_000_000,
  windowHoursMin: 12,
  windowHoursMax: 7 * 24,
  // Its examples: 12h, 1d, 3d.
  windowText: (hours) => (hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`),
};

/** responses-ark-anthropic-batch.md 4.2: there is one window. */
const openai: BatchDialect = {
  linesMax: 50_000,
  bytesMax: 200_000_000,
  windowHoursMin: 24,
  windowHoursMax: 24,
  windowText: (hours) => `${hours}h`,
};

/**
 * Where a vendor takes single calls of batches, each of which is held until it has been made; undefined: it does not
 * (responses-ark-anthropic-batch.md 2.5).
 */
export function batchCallPathOf(name: DialectName): string | undefined {
  return name === 'ark' ? '/batch/chat/completions' : undefined;
}

/** The row of `name`. Whether an upstream has such an API at all is for the configuration to say. */
export function batchDialectOf(name: DialectName): BatchDialect {
  return name === 'moonshot' ? moonshot : openai;
}
