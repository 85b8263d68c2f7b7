import { type Fault, toFault } from '../base/fault.ts';
import type { CallEnd } from '../gateway/gateway.ts';
import type { ClaimedJob } from '../jobs/job-store.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import type { Batch } from './batch.ts';
import type { BatchesDeps } from './batches-deps.ts';
import type { DecodedLine, LineProtocol } from './line-protocol.ts';
import type { OutcomeFigures } from './outcome-store.ts';
import type { PlacedLine } from './read-chunk.ts';
import { RunStopped } from './run-stopped.ts';
import { type LineIds, outputLine, refusedLine } from './told-line.ts';

/** What running a line takes. */
export type LineDeps = Pick<BatchesDeps, 'clock' | 'random' | 'gateway'> & {
  readonly database: Pick<BatchesDeps['database'], 'commitIf'>;
  readonly jobs: Pick<BatchesDeps['jobs'], 'fenced'>;
  readonly outcomes: Pick<BatchesDeps['outcomes'], 'linesDone' | 'keeping'>;
};

/** In whose name what comes of lines is kept. */
export interface LineKeeper {
  readonly deps: LineDeps;
  readonly batch: Batch;
  /** What is kept in its name is refused once another has the job. */
  readonly claim: Pick<ClaimedJob, 'id' | 'token'>;
  readonly protocol: LineProtocol;
}

/** A line's end, for the commit that books its call. Does not throw. */
export function lineEnd(keeper: LineKeeper, line: PlacedLine, ids: LineIds, decoded: DecodedLine, end: CallEnd): CommitPart {
  const { reply, failure, usage, cost } = end;
  const refused = (thrown: unknown, figures: OutcomeFigures): CommitPart => keptPart(keeper, line, 'error', refusedLine(ids, line.customId, toFault(thrown), keeper.protocol), figures);
  if (failure !== undefined || reply === undefined) return refused(failure, {});
  try {
    const { body, kept } = decoded.encode({ ...end, reply: { ...reply, usage } });
    const part = keptPart(keeper, line, 'output', outputLine(ids, line.customId, body), { usage, cost });
    return kept === undefined ? part : { guards: [...part.guards, ...kept.guards], statements: [...part.statements, ...kept.statements] };
  } catch (thrown) {
    // It was served, and is paid for; that it cannot be told is our fault, and asking again would not help.
    return refused(thrown, { usage, cost });
  }
}

/** Keeps an error of a line for which no call was made. Throws `RunStopped` when another has the job. */
export async function keepError(keeper: LineKeeper, line: PlacedLine, ids: LineIds, fault: Fault): Promise<void> {
  const { guards } = keptPart(keeper, line, 'error', refusedLine(ids, line.customId, fault, keeper.protocol), {});
  const { committed } = await keeper.deps.database.commitIf(guards, []);
  if (!committed && !(await isDone(keeper, line))) throw new RunStopped('lost');
}

/** Whether something has come of a line. */
export async function isDone({ deps, batch }: Pick<LineKeeper, 'deps' | 'batch'>, { number }: PlacedLine): Promise<boolean> {
  return (await deps.outcomes.linesDone(batch.id, number, 1)).has(number);
}

function keptPart({ deps, batch, claim }: LineKeeper, { number }: PlacedLine, kind: 'output' | 'error', text: string, figures: OutcomeFigures): CommitPart {
  return { guards: [deps.jobs.fenced(claim.id, claim.token), deps.outcomes.keeping(batch.id, { line: number, kind, text }, figures)], statements: [] };
}
