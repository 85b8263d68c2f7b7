import type { Fault } from '../base/fault.ts';
import type { EventBatch } from '../dialogue/event.ts';
import type { Loss } from '../dialogue/extensions.ts';
import type { ModelRules } from '../dialogue/model-rules.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { DialogueRequest } from '../dialogue/request.ts';

/** Slows a stream down and speeds it up again: back-pressure from the reader to the upstream's socket. */
export interface Flow {
  pause(): void;
  resume(): void;
}

export interface UpstreamCall {
  readonly request: DialogueRequest;
  /** The model's id as this upstream knows it. */
  readonly upstreamModel: string;
  /** Goes to the endpoint for calls of batches, where it may wait for hours; never streamed. */
  readonly batchEndpoint?: true;
  /** Most tokens that the offer generates: a higher limit of the caller's is lowered to it. Absent: not known. */
  readonly outputTokensMax?: number;
  /** Output limit to send when the caller named none and the offer has a default of its own. */
  readonly outputTokensDefault?: number;
  /** What the model can be asked for; absent: send what the caller said. */
  readonly modelRules?: ModelRules;
  /** Our id of the generation, for logs. */
  readonly generationId: string;
  /** How the sandbox is to behave (speed, faults); other upstreams ignore it. */
  readonly sandboxScript?: string;
}

/** Called while an upstream answers, synchronously, one call per network read. */
export interface UpstreamHandler {
  /** The upstream accepted the request: its success status has arrived. Called at most once, before any batch. */
  onOpen(flow: Flow, losses: readonly Loss[]): void;
  /** Streamed calls only. Never called with an empty array, and never after `generate` has settled. */
  onBatches(batches: readonly EventBatch[]): void;
}

/**
 * How far a failed attempt got, which decides whether another may follow.
 * - `not-sent`: nothing reached the upstream (refused, DNS, TLS).
 * - `maybe`: the request was sent and no status came back; it may have been processed.
 * - `rejected`: a status says that it was not processed.
 * - `committed`: the answer had begun.
 */
export type AttemptStage = 'not-sent' | 'maybe' | 'rejected' | 'committed';

/** An attempt that failed. `fault` is what the caller is told when no other attempt succeeds. */
export class AttemptFailure extends Error {
  readonly fault: Fault;
  readonly stage: AttemptStage;
  /** The upstream's own id of the request, if it gave one: what its support desk asks for. For the log. */
  readonly requestId: string | undefined;

  constructor(fault: Fault, stage: AttemptStage, requestId?: string) {
    super(fault.message, { cause: fault });
    this.name = 'AttemptFailure';
    this.fault = fault;
    this.stage = stage;
    this.requestId = requestId;
  }
}

/**
 * Somewhere that a model runs. One request, one call; no retries of its own, but for a request that went on from a context which it turns
 * out to hold no more: it is then told everything; no redirect is followed.
 */
export interface Upstream extends AsyncDisposable {
  readonly id: string;
  /** Reads documents itself, by some protocol that it speaks. Absent: it reads what is written. */
  readonly readsDocuments?: boolean;
  /**
   * Sends one request. Streamed (`call.request.stream`): events go to `handler.onBatches`, resolves with undefined at a
   * clean end. Not streamed: resolves with the reply. Rejects with `AttemptFailure`; when `signal` aborts, closes the
   * socket at once and rejects with a `caller_gone` fault.
   */
  generate(call: UpstreamCall, handler: UpstreamHandler, signal: AbortSignal): Promise<DialogueReply | undefined>;
  /** Ids of the models it serves now, as it spells them. Only self-hosted upstreams are asked. */
  listModels?(signal: AbortSignal): Promise<readonly string[]>;
  /** Holds a context no longer that it gave the name `handle` to (`ContextCache`). Only where contexts are held by name. Rejects with `AttemptFailure`. */
  dropContext?(handle: string, signal: AbortSignal): Promise<void>;
}
