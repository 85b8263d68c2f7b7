import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { isJsonObject, type JsonObject } from '../base/json.ts';
import type { Currency, Nanos } from '../base/money.ts';
import { nanosOfNumber } from '../base/number-nanos.ts';
import type { Deadlines } from './deadlines.ts';
import type { DialectName } from './dialect.ts';
import type { TransportLimits } from './exchange.ts';
import { VendorHttp, type VendorQuery } from './vendor-http.ts';

/** What the operator's account at an upstream tells about money. */
export interface AccountFigures extends AsyncDisposable {
  /** What is left in the account. Absent: this upstream does not tell. */
  readonly balance?: {
    readonly currency: Currency;
    /** Rejects with a fault of the upstream's. */
    read(signal: AbortSignal): Promise<Nanos>;
  };
  /** What single replies cost. Absent: this upstream does not tell. */
  readonly replies?: {
    readonly currency: Currency;
    /** What the reply of that id (the upstream's own) cost; undefined: it knows none. Rejects with a fault of the upstream's. */
    cost(replyId: string, signal: AbortSignal): Promise<Nanos | undefined>;
  };
}

export interface AccountFiguresOptions {
  readonly upstreamId: string;
  readonly kind: DialectName;
  /** As an SDK takes it: `https://api.moonshot.ai/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly clock: Clock;
  readonly deadlines?: Deadlines;
}

/** Nobody waits for a model here. */
const deadlinesDefault: Deadlines = { connectMs: 5_000, firstByteMs: 10_000, idleMs: 5_000, totalMs: 15_000 };
/** These replies are some hundred bytes long. */
const limits: TransportLimits = { bodyBytesMax: 256 * 1024, eventBytesMax: 1024, streamBytesMax: 1024 };

/** The account at an upstream, if one of its kind tells anything about money. Throws TypeError when `baseUrl` is no URL. */
export function openAccountFigures(options: AccountFiguresOptions): AccountFigures | undefined {
  if (options.kind === 'moonshot') return new MoonshotAccount(options);
  return options.kind === 'openrouter' ? new OpenRouterAccount(options) : undefined;
}

/** `GET {base}/users/me/balance` (moonshot-api.md 1.3). */
class MoonshotAccount implements AccountFigures {
  readonly #http: AccountHttp;
  readonly balance: NonNullable<AccountFigures['balance']>;

  constructor(options: AccountFiguresOptions) {
    this.#http = new AccountHttp(options);
    // The site in China bills yuan, the international one dollars (moonshot-api.md 4; the catalog's price lists).
    const currency = new URL(options.baseUrl).hostname.endsWith('.cn') ? 'CNY' : 'USD';
    this.balance = { currency, read: (signal) => this.#read(signal) };
  }

  /**
   * Voucher and cash together. Not `available_balance`: once cash is below zero that stays at the voucher, and what is spent
   * from then on would not be seen.
   */
  async #read(signal: AbortSignal): Promise<Nanos> {
    const reply = await this.#http.get('/users/me/balance', [], signal);
    const data = reply?.data;
    if (reply === undefined || !isJsonObject(data) || (reply.code !== undefined && reply.code !== 0)) throw this.#http.invalid("the upstream's balance is not one");
    const voucher = this.#http.amount(data, 'voucher_balance');
    const cash = this.#http.amount(data, 'cash_balance');
    return voucher + cash;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http[Symbol.asyncDispose]();
  }
}

/** `GET {base}/generation?id=` (moonshot-api.md 6.3). Its prices are in dollars (6.1). */
class OpenRouterAccount implements AccountFigures {
  readonly #http: AccountHttp;
  readonly replies = { currency: 'USD', cost: (replyId: string, signal: AbortSignal) => this.#cost(replyId, signal) };

  constructor(options: AccountFiguresOptions) {
    this.#http = new AccountHttp(options);
  }

  async #cost(replyId: string, signal: AbortSignal): Promise<Nanos | undefined> {
    const reply = await this.#http.get('/generation', [['id', replyId]], signal);
    if (reply === undefined) return undefined;
    if (!isJsonObject(reply.data)) throw this.#http.invalid("the upstream's answer about a generation is not one");
    const cost = this.#http.amount(reply.data, 'total_cost');
    if (cost < 0n) throw this.#http.invalid('the upstream states a cost below zero');
    return cost;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http[Symbol.asyncDispose]();
  }
}

/** What is asked of the account, and read out of the replies. */
class AccountHttp implements AsyncDisposable {
  readonly #upstreamId: string;
  readonly #http: VendorHttp;

  constructor({ deadlines = deadlinesDefault, ...options }: AccountFiguresOptions) {
    this.#upstreamId = options.upstreamId;
    this.#http = new VendorHttp({ ...options, deadlines, limits });
  }

  /** The reply's JSON object; undefined for 404. Rejects with a fault; what an error says is not kept, its status tells enough. */
  async get(path: string, query: VendorQuery, signal: AbortSignal): Promise<JsonObject | undefined> {
    const { status, value } = await this.#http.ask({ method: 'GET', path, query }, signal);
    const upstream = this.#upstreamId;
    if (status === 404) return undefined;
    if (status === 401 || status === 403) throw new Fault('upstream_refused_key', { message: `the upstream refused our credential (${status})`, upstream });
    if (status >= 400) throw new Fault('upstream_failed', { message: `the upstream refused to tell about the account (${status})`, upstream });
    if (!isJsonObject(value)) throw this.invalid('the upstream did not answer with JSON');
    return value;
  }

  /** The amount in that field. Throws a fault when it is none. */
  amount(data: JsonObject, field: string): Nanos {
    const value = data[field];
    try {
      if (typeof value === 'number') return nanosOfNumber(value);
    } catch (thrown) {
      throw this.invalid(`the upstream's "${field}" is no amount of money`, thrown);
    }
    throw this.invalid(`the upstream's "${field}" is no number`);
  }

  invalid(message: string, cause?: unknown): Fault {
    return new Fault('upstream_invalid_reply', { message, upstream: this.#upstreamId, cause });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http[Symbol.asyncDispose]();
  }
}
