import type { DailySpan } from '../catalog/price-window.ts';
import type { ConfigDocument, ConfigProblem } from './config-file.ts';

/** `batches:` of the configuration. */
export interface BatchesConfig {
  readonly concurrency: number;
  readonly perUpstream: number;
  /** Where it is not `perUpstream`. */
  readonly upstreams: Readonly<Record<string, number>>;
  /** Undefined: always. */
  readonly hours?: readonly DailySpan[];
  /** How often a vendor is asked how far it is with a batch. */
  readonly pollS: number;
  readonly linesMax: number;
  readonly openBatchesMax: number;
}

/** The most requests of one batch at OpenAI (responses-ark-anthropic-batch.md 4.2). */
const linesMaxDefault = 50_000;

/** `batches:` of a configuration file. Adds to `problems` the upstreams that are not among `upstreamIds`. */
export function batchesConfig(document: ConfigDocument, upstreamIds: readonly string[], problems: ConfigProblem[]): BatchesConfig {
  const { concurrency = 32, perUpstream = 16, upstreams = {}, hours, pollS = 60, linesMax = linesMaxDefault, openMax = 200 } = document.file.batches ?? {};
  for (const id of Object.keys(upstreams)) {
    if (id === 'sandbox' || upstreamIds.includes(id)) continue;
    problems.push(document.problemAt(['batches', 'upstreams', id], 'expected the id of an upstream'));
  }
  return { concurrency, perUpstream, upstreams, ...(hours === undefined ? {} : { hours }), pollS, linesMax, openBatchesMax: openMax };
}
