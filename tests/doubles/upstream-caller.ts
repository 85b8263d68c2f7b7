import type { EventBatch } from '../../src/dialogue/event.ts';
import type { Loss } from '../../src/dialogue/extensions.ts';
import { Fold } from '../../src/dialogue/fold.ts';
import type { DialogueReply } from '../../src/dialogue/reply.ts';
import { AttemptFailure, type Flow, type UpstreamHandler } from '../../src/upstreams/upstream.ts';

/** Takes what an upstream hands out, and insists on the order that the port promises. */
export class UpstreamCaller implements UpstreamHandler {
  opened = 0;
  flow: Flow | undefined;
  losses: readonly Loss[] = [];
  /** One entry per call. */
  reads: (readonly EventBatch[])[] = [];

  onOpen(flow: Flow, losses: readonly Loss[]): void {
    if (this.reads.length > 0) throw new Error('opened after the first batch');
    this.opened += 1;
    this.flow = flow;
    this.losses = losses;
  }

  onBatches(batches: readonly EventBatch[]): void {
    if (batches.length === 0) throw new Error('called for nothing');
    this.reads.push(batches);
  }

  get text(): string | undefined {
    return this.folded.choices[0]?.text;
  }

  get folded(): DialogueReply {
    const fold = new Fold();
    for (const batch of this.reads.flat()) for (const event of batch.events) fold.add(event);
    return fold.reply();
  }
}

/** What `promise` fails with. Throws when it succeeds, or fails with anything else than the port's failure. */
export async function failureOf(promise: Promise<unknown>): Promise<AttemptFailure> {
  const thrown: unknown = await promise.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  if (thrown instanceof AttemptFailure) return thrown;
  throw thrown;
}

/** What it fails with, and how far it had got: `upstream_failed rejected`. */
export async function verdictOf(promise: Promise<unknown>): Promise<string> {
  const { fault, stage } = await failureOf(promise);
  return `${fault.code} ${stage}`;
}
