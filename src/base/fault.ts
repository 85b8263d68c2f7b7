import type { LimitStanding } from './limit-standing.ts';

/**
 * The closed table of what can go wrong. Surfaces only change the dress (status wording, body shape); whose fault it is
 * and whether another try may help is decided here, once. Our own faults are never a 401 or a 402.
 */
export type Blame = 'caller' | 'platform' | 'upstream';

interface FaultRow {
  readonly blame: Blame;
  /** HTTP status of the reply to the caller. */
  readonly status: number;
  /** May the caller send the same request again and hope for more? */
  readonly retryable: boolean;
  /** Public text when the thrower gives none. Says what to do next. */
  readonly text: string;
}

export const faultTable = {
  invalid_request: { blame: 'caller', status: 400, retryable: false, text: 'the request is not valid' },
  prompt_too_long: { blame: 'caller', status: 400, retryable: false, text: 'the prompt is longer than the model can take; shorten it or choose a model with a larger context' },
  content_filtered: { blame: 'caller', status: 400, retryable: false, text: 'The request was rejected because it was considered high risk' },
  unauthenticated: { blame: 'caller', status: 401, retryable: false, text: 'Invalid Authentication: send "Authorization: Bearer <key>" or "x-api-key: <key>"' },
  document_unreadable: { blame: 'caller', status: 400, retryable: false, text: 'the document cannot be read' },
  key_rejected: { blame: 'caller', status: 401, retryable: false, text: 'Incorrect API key provided' },
  permission_denied: { blame: 'caller', status: 403, retryable: false, text: 'this key may not do that' },
  model_not_found: { blame: 'caller', status: 404, retryable: false, text: 'Not found the model or Permission denied' },
  model_retired: { blame: 'caller', status: 404, retryable: false, text: 'this model has been retired' },
  model_unpriced: { blame: 'caller', status: 403, retryable: false, text: 'this model has no price; give it one in moongate.yaml, or set policy.allowUnpriced' },
  not_found: { blame: 'caller', status: 404, retryable: false, text: 'not found' },
  method_not_allowed: { blame: 'caller', status: 405, retryable: false, text: 'method not allowed' },
  request_timeout: { blame: 'caller', status: 408, retryable: true, text: 'the request body did not arrive in time' },
  conflict: { blame: 'caller', status: 409, retryable: false, text: 'the request conflicts with an earlier one' },
  request_in_progress: { blame: 'caller', status: 409, retryable: true, text: 'a request with this Idempotency-Key is still being answered; send it again in a moment' },
  body_too_large: { blame: 'caller', status: 413, retryable: false, text: 'the request body is too large' },
  unsupported_media_type: { blame: 'caller', status: 415, retryable: false, text: 'send the body as application/json' },
  rate_limited: { blame: 'caller', status: 429, retryable: true, text: 'rate limit reached, please try again later' },
  quota_exceeded: { blame: 'caller', status: 429, retryable: false, text: 'You exceeded your current token quota, please check your account balance' },
  caller_gone: { blame: 'caller', status: 499, retryable: false, text: 'the client closed the request' },
  internal: { blame: 'platform', status: 500, retryable: true, text: 'internal error; it has been logged under the request id' },
  no_upstream: { blame: 'platform', status: 503, retryable: true, text: 'no upstream is available for this model; try again later' },
  shutting_down: { blame: 'platform', status: 503, retryable: true, text: 'the server is shutting down; try again' },
  exchange_rate_missing: { blame: 'platform', status: 503, retryable: false, text: 'the price of this model cannot be turned into the currency of the account: no exchange rate is known; the operator must add one' },
  documents_busy: { blame: 'platform', status: 503, retryable: true, text: 'too many documents wait to be read; try again in a moment' },
  storage_unavailable: { blame: 'platform', status: 503, retryable: true, text: 'the database is not available; try again later' },
  upstream_unreachable: { blame: 'upstream', status: 502, retryable: true, text: 'the upstream could not be reached' },
  upstream_failed: { blame: 'upstream', status: 502, retryable: true, text: 'the upstream failed' },
  upstream_refused_key: { blame: 'upstream', status: 502, retryable: false, text: 'the upstream refused our credential; the operator has been told' },
  upstream_invalid_reply: { blame: 'upstream', status: 502, retryable: true, text: 'the upstream sent a reply that could not be understood' },
  upstream_interrupted: { blame: 'upstream', status: 502, retryable: true, text: 'the upstream broke off in the middle of its reply' },
  upstream_rate_limited: { blame: 'upstream', status: 429, retryable: true, text: 'the upstream is rate limiting us, please try again later' },
  upstream_overloaded: { blame: 'upstream', status: 503, retryable: true, text: 'The engine is currently overloaded, please try again later' },
  upstream_timeout: { blame: 'upstream', status: 504, retryable: true, text: 'the upstream did not answer in time' },
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof faultTable;

/** The rate limit that a `rate_limited` request met: so that each vendor's wording can name it. */
export interface MetLimit {
  readonly kind: 'rpm' | 'tpm' | 'tpd' | 'concurrency';
  readonly limit: number;
  /** What was counted when it was met: requests, tokens or open requests. */
  readonly current: number;
  /** What the refused request would have added. More than `limit`: it could never pass, however long it waits. */
  readonly requested: number;
}

export interface FaultDetail {
  /** Public text in place of the table's. Must hold no secret and no prompt. */
  readonly message?: string;
  /** The request field at fault, as a path: `messages.3.content`. */
  readonly field?: string;
  /** How long to wait before another try. */
  readonly retryAfterMs?: number;
  /** The upstream that failed, by its configured id. */
  readonly upstream?: string;
  /** What to call the error in place of our own name: the vendor's `type`, when an upstream's verdict is passed on. */
  readonly vendorType?: string;
  readonly metLimit?: MetLimit;
  /** Where the caller stands with its limits, for the headers of the refusal. */
  readonly standing?: LimitStanding;
  /** What is lacking is held for other calls, and may come free when they end. */
  readonly othersHold?: boolean;
  readonly cause?: unknown;
}

/** The one error that crosses room borders. Anything else that is thrown is a bug and becomes `internal`. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly upstream: string | undefined;
  readonly vendorType: string | undefined;
  readonly metLimit: MetLimit | undefined;
  readonly standing: LimitStanding | undefined;
  readonly othersHold: boolean;

  constructor(code: FaultCode, detail: FaultDetail = {}) {
    super(detail.message ?? faultTable[code].text, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Fault';
    this.code = code;
    this.field = detail.field;
    this.retryAfterMs = detail.retryAfterMs;
    this.upstream = detail.upstream;
    this.vendorType = detail.vendorType;
    this.metLimit = detail.metLimit;
    this.standing = detail.standing;
    this.othersHold = detail.othersHold === true;
  }

  get blame(): Blame {
    return faultTable[this.code].blame;
  }

  get status(): number {
    return faultTable[this.code].status;
  }

  get retryable(): boolean {
    const couldNeverPass = this.metLimit !== undefined && this.metLimit.requested > this.metLimit.limit;
    return faultTable[this.code].retryable && !couldNeverPass;
  }
}

/** Whatever was thrown, as a Fault; what is no Fault becomes `internal` with the original as its cause. */
export function toFault(thrown: unknown): Fault {
  return thrown instanceof Fault ? thrown : new Fault('internal', { cause: thrown });
}
