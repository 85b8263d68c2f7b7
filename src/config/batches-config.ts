import type { DailySpan } from '../catalog/price-window.ts';
import type { ConfigFile } from './config-schema.ts';

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
  readonly fileBytesMax: number;
  readonly openBatchesMax: number;
}

/** With OpenAI's limits of one batch where the file says nothing (responses-ark-anthropic-batch.md 4.2). */
export function batchesConfig({ batches = {} }: Pick<ConfigFile, 'batches'>): BatchesConfig {
  const { concurrency = 32, perUpstream = 16, upstreams = {}, hours, pollS = 60, linesMax = 50_000, fileBytesMax = 200 * 1024 * 1024, openMax = 200 } = batches;
  return { concurrency, perUpstream, upstreams, ...(hours === undefined ? {} : { hours }), pollS, linesMax, fileBytesMax, openBatchesMax: openMax };
}
