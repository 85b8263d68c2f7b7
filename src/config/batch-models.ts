import { batchCallPathOf } from '../upstreams/batch/batch-dialect.ts';
import type { ConfigDocument, ConfigProblem } from './config-file.ts';
import type { UpstreamConfig } from './configured-upstreams.ts';
import { upstreamKinds } from './upstream-kind.ts';

/** An offer may name an endpoint for calls of batches only where there can be one. What is wrong is added to `problems`. */
export function checkBatchModels(document: ConfigDocument, upstreams: readonly UpstreamConfig[], problems: ConfigProblem[]): void {
  for (const [index, { upstream, batchModel }] of (document.file.catalog?.offers ?? []).entries()) {
    if (batchModel === undefined) continue;
    const kind = upstreams.find(({ id }) => id === upstream)?.kind ?? upstreamKinds.find((one) => one === upstream);
    if (kind === undefined || batchCallPathOf(kind) !== undefined) continue;
    const message = `expected an upstream of kind ark, which takes single calls of batches; ${upstream} is of kind ${kind}`;
    problems.push(document.problemAt(['catalog', 'offers', index, 'batchModel'], message));
  }
}
