import type { Caller } from '../../src/access/caller.ts';
import { type LimitLease, unlimited } from '../../src/access/limits/rate-limiter.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/fault.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Sealer } from '../../src/base/sealer.ts';
import type { TenantScope } from '../../src/base/tenant-scope.ts';
import type { BatchFiles } from '../../src/batches/batch-files.ts';
import { BatchStore } from '../../src/batches/batch-store.ts';
import type { BatchVendor } from '../../src/batches/batch-vendor.ts';
import { BatchWorker } from '../../src/batches/batch-worker.ts';
import { Batches, type ToldBatch } from '../../src/batches/batches.ts';
import type { BatchesDeps } from '../../src/batches/batches-deps.ts';
import { CapacityPool } from '../../src/batches/capacity-pool.ts';
import { HandoverStore } from '../../src/batches/handover-store.ts';
import type { LineProtocols } from '../../src/batches/line-protocol.ts';
import { OutcomeStore } from '../../src/batches/outcome-store.ts';
import { WarmPrefixes } from '../../src/batches/warm-prefixes.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { ExchangeRates } from '../../src/catalog/exchange-rates.ts';
import type { Price } from '../../src/catalog/offer.ts';
import { SellRules } from '../../src/catalog/sell-rules.ts';
import { shippedCatalog } from '../../src/catalog/shipped-catalog.ts';
import type { DialogueReply } from '../../src/dialogue/reply.ts';
import type { DialogueRequest } from '../../src/dialogue/request.ts';
import type { Usage } from '../../src/dialogue/usage.ts';
import type { StoredFile } from '../../src/documents/stored-file.ts';
import { Billing } from '../../src/gateway/billing.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { HandedCalls } from '../../src/gateway/handed-calls.ts';
import { InteractiveLoad } from '../../src/gateway/interactive-load.ts';
import { orphanRecord } from '../../src/gateway/orphan-record.ts';
import type { BoundedPlan } from '../../src/gateway/planner.ts';
import { Tariff } from '../../src/gateway/tariff.ts';
import { parseJsonBody } from '../../src/http/json-body.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { LedgerNode, newNodeId } from '../../src/ledger/ledger-node.ts';
import { RecordsStore } from '../../src/records/records-store.ts';
import type { Database } from '../../src/storage/database.ts';
import { AttemptFailure } from '../../src/upstreams/upstream.ts';
import { encodeChatError } from '../../src/wire/openai-chat/error-encode.ts';
import { encodeChatReply } from '../../src/wire/openai-chat/reply-encode.ts';
import { decodeChatRequest } from '../../src/wire/openai-chat/request-decode.ts';

/** Half of it in a batch. */
export const batchPrice: Price = { id: 'p', validFrom: '2020-01-01', currency: 'USD', input: '1', output: '2', batchInput: '0.5', batchOutput: '1' };
export const lineUsage: Usage = { inputUncached: 100, cacheRead: 0, cacheWrite: 0, output: 50, estimated: false };
/** What a line of `lineUsage` is charged, and what its upstream charges for it. */
export const lineChargeNanos = 100_000n;
export const lineCostNanos = 200_000n;
export const batchCaller: Caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live', walletCurrency: 'USD' };
const chatPath = '/v1/chat/completions';

/** Answers a call, or throws a `Fault`. */
export type Answer = (request: DialogueRequest, signal: AbortSignal) => Promise<Partial<DialogueReply>> | Partial<DialogueReply>;

export interface BatchHouseParts {
  readonly database: Database;
  /** Shared by the replicas of one house. */
  readonly files?: FilesDouble;
  readonly answer?: Answer;
  /** Takes from the limits of the caller, or throws. */
  readonly take?: (caller: Caller) => LimitLease;
  readonly pool?: Partial<ConstructorParameters<typeof CapacityPool>[0]>;
  readonly linesMax?: number;
  /** Chunks that it runs at once. */
  readonly chunksMax?: number;
  /** Makes batches by itself, as the upstream `a`. */
  readonly vendor?: BatchVendor;
  readonly onCheckpoint?: BatchesDeps['onCheckpoint'];
  /** Whose name lines run in; undefined: the key is not usable any more. */
  readonly callerOfKey?: () => Caller | undefined;
}

/** Files in memory, as far as batches use them. */
export class FilesDouble implements BatchFiles {
  readonly #files = new Map<string, { readonly file: StoredFile; readonly bytes: Buffer }>();

  async get({ tenantId, mode }: TenantScope, id: string): Promise<StoredFile | undefined> {
    const file = this.#files.get(id)?.file;
    return file?.scope.tenantId === tenantId && file.scope.mode === mode ? file : undefined;
  }

  async *open({ id }: StoredFile, range?: { readonly start: number; readonly end: number }): AsyncGenerator<Uint8Array> {
    const bytes = this.#files.get(id)?.bytes;
    if (bytes === undefined) throw new Fault('not_found');
    const part = bytes.subarray(range?.start, range?.end);
    // In pieces that cut lines, and letters.
    for (let at = 0; at < part.length; at += 1_000) yield part.subarray(at, at + 1_000);
  }

  async create(scope: TenantScope, { filename, purpose }: Parameters<BatchFiles['create']>[1], source: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const bytes = Buffer.concat(await Array.fromAsync(source));
    const id = `file_${this.#files.size + 1}` as const;
    const file: StoredFile = { id, scope, filename, purpose, bytes: bytes.length, createdMs: 1, expiresMs: undefined, blobKey: id, contentId: id };
    this.#files.set(id, { file, bytes });
    return file;
  }

  async stage(scope: TenantScope, wish: Parameters<BatchFiles['stage']>[1], source: AsyncIterable<Uint8Array>): ReturnType<BatchFiles['stage']> {
    const { id } = await this.create(scope, wish, source);
    return { id, part: { guards: [], statements: [] }, release: async () => undefined };
  }

  /** The lines of a file, parsed. */
  lines(id: string | undefined): readonly Record<string, unknown>[] {
    const text = this.#files.get(id ?? '')?.bytes.toString('utf8') ?? '';
    return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  remove(id: string): void {
    this.#files.delete(id);
  }
}

/** Who makes batches, over a database: the gateway, the ledger and the records are real, one upstream `a` answers as it is told. */
export class BatchHouse implements AsyncDisposable {
  readonly files: FilesDouble;
  readonly batches: Batches;
  readonly worker: BatchWorker;
  readonly jobs: JobStore;
  readonly records: RecordsStore;
  readonly load = new InteractiveLoad();
  readonly calls: DialogueRequest[] = [];
  readonly warnings: string[] = [];
  /** What was logged of batches that are handed over. */
  readonly steps: string[] = [];
  readonly #node: LedgerNode;

  private constructor(parts: BatchHouseParts, ledger: Ledger, node: LedgerNode) {
    const { database } = parts;
    this.#node = node;
    this.files = parts.files ?? new FilesDouble();
    this.records = new RecordsStore(database);
    this.jobs = new JobStore({ database, clock: systemClock });
    const sealed = { database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom) };
    const { gateway, handed } = this.#calling(parts, ledger);
    const deps: BatchesDeps & { readonly jobs: JobStore; readonly database: Database } = {
      database, jobs: this.jobs, files: this.files, store: new BatchStore(sealed), outcomes: new OutcomeStore(sealed), protocols, clock: systemClock, random: systemRandom,
      gateway,
      limits: { linesMax: parts.linesMax ?? 1_000, lineBytesMax: 100_000, fileBytesMax: 10_000_000, openBatchesMax: 10 },
      callerOfKey: async (keyId) => (keyId === batchCaller.keyId ? (parts.callerOfKey ?? (() => batchCaller))() : undefined),
      onCheckpoint: parts.onCheckpoint,
      ...(parts.vendor === undefined ? {} : {
        handover: {
          vendors: new Map([[parts.vendor.upstreamId, parts.vendor]]), calls: handed, store: new HandoverStore(database), pollMs: 20, retryMs: 10,
          log: { write: (_level, message, facts) => void this.steps.push(`${message} ${facts?.faultCode ?? ''}`.trimEnd()) },
        },
      }),
    };
    const pool = new CapacityPool({ clock: systemClock, random: systemRandom, concurrency: 32, placesAt: () => 32, load: this.load, isOpen: () => true, ...parts.pool });
    this.worker = new BatchWorker({
      deps, pool, warm: new WarmPrefixes(), chunksMax: parts.chunksMax ?? 8, upstreamOf: () => 'a',
      log: { write: (_level, message, facts) => void this.warnings.push(`${message} ${JSON.stringify(facts)}`) },
      exchange: (_abort, task) => task(),
    });
    this.batches = new Batches(deps, this.worker);
  }

  static async open(parts: BatchHouseParts): Promise<BatchHouse> {
    const { database } = parts;
    const id = newNodeId(systemClock, systemRandom);
    const ledger = new Ledger({ database, clock: systemClock, nodeId: id });
    const records = new RecordsStore(database);
    const node = new LedgerNode({ database, clock: systemClock, id, alone: false, onOrphan: (call) => [records.upsertion(orphanRecord(call, systemClock.nowMs()))], onFailure: () => undefined });
    await node.start(ledger);
    return new BatchHouse(parts, ledger, node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker[Symbol.asyncDispose]();
    await this.#node[Symbol.asyncDispose]();
  }

  /** A batch over these bodies, by their custom ids. */
  async create(bodies: Readonly<Record<string, object>>, over: Partial<Parameters<Batches['create']>[1]> = {}): Promise<ToldBatch> {
    const text = Object.entries(bodies).map(([customId, body]) => `${JSON.stringify({ custom_id: customId, method: 'POST', url: chatPath, body })}\n`).join('');
    return this.createOf(text, over);
  }

  /** A batch over this file. */
  async createOf(text: string, over: Partial<Parameters<Batches['create']>[1]> = {}): Promise<ToldBatch> {
    const { id: fileId } = await this.files.create(batchCaller, { filename: 'in.jsonl', purpose: 'batch' }, (async function* () { yield Buffer.from(text); })());
    return this.batches.create(batchCaller, { endpoint: chatPath, completionWindow: '24h', input: { fileId }, ...over });
  }

  /** Looks at a batch again and again until it has ended, or is as it is wanted. */
  async until(id: string, isSo: (told: ToldBatch) => boolean = ({ batch }) => batch.endedMs !== undefined): Promise<ToldBatch> {
    for (const giveUpMs = performance.now() + 15_000; performance.now() < giveUpMs; await new Promise((resolve) => setTimeout(resolve, 10))) {
      const told = await this.batches.get(batchCaller, id);
      if (isSo(told)) return told;
    }
    const { status, lanesOpen } = (await this.batches.get(batchCaller, id)).batch;
    throw new Error(`still ${status}, with ${lanesOpen} lanes: ${[...this.warnings, ...this.steps].join('\n')}`);
  }

  #calling({ database, answer = () => ({}), take = () => unlimited }: BatchHouseParts, ledger: Ledger): { readonly gateway: Gateway; readonly handed: HandedCalls } {
    const catalog = new Catalog(shippedCatalog(), undefined, []);
    const model = catalog.model('kimi-k2-thinking');
    if (model === undefined) throw new Error('the catalog lacks kimi-k2-thinking');
    const offer = { modelId: model.id, upstreamId: 'a', upstreamModel: 'm', contextTokens: 10_000, outputTokensMax: 100, prices: [batchPrice] };
    const tariff = new Tariff({ sellRules: new SellRules([], () => undefined), rates: new ExchangeRates({ staleDays: 7, staleRates: 'flag' }), officialPrice: () => undefined });
    const billing = new Billing({ ledger, database, records: this.records, clock: systemClock, callMsMax: 60_000, batchCallMsMax: 60_000, patienceMs: 0, tariff });
    const plan = ({}: Caller, request: DialogueRequest): BoundedPlan => {
      if (request.model === 'none') throw new Fault('model_not_found');
      return { model, variant: undefined, promptTokensMax: 1_000, attempts: [{ offer, price: batchPrice, costState: 'priced', sendModel: 'm', retired: false, successor: false }] };
    };
    const handed = new HandedCalls({
      clock: systemClock, plan, tariff, billing, estimatePrompt: async () => 10, promptTokensMax: () => 1_000,
      resolve: (name) => (name === 'none' ? undefined : model),
    });
    const gateway = new Gateway({
      // Lines here name no files.
      files: { resolve: async (_scope, request) => request },
      clock: systemClock, load: this.load, limiter: { take: ({ caller }) => take(caller) }, countsTokens: () => false,
      billing,
      plan,
      upstream: () => ({
        id: 'a',
        generate: async ({ request }, handler, signal) => {
          this.calls.push(request);
          try {
            const said = await answer(request, signal);
            handler.onOpen({ pause: () => undefined, resume: () => undefined }, []);
            return { id: 'up', model: 'm', createdS: 1, usage: lineUsage, choices: [{ text: `to ${textOf(request)}`, toolCalls: [], finish: { reason: 'stop' } }], ...said };
          } catch (thrown) {
            throw thrown instanceof Fault ? new AttemptFailure(thrown, 'rejected') : thrown;
          }
        },
        async [Symbol.asyncDispose]() {},
      }),
      model: () => model, successor: () => undefined, reportAttempt: () => undefined, estimatePrompt: async () => 10,
    });
    return { gateway, handed };
  }
}

/** What the last message of a request says. */
export function textOf(request: DialogueRequest): string {
  return JSON.stringify(request.messages.at(-1)).match(/line \d+/)?.[0] ?? '';
}

const style = { vendor: 'moonshot', reasoningAlias: false, thinking: 'shown', includeUsage: false } as const;

/** As if there were a mistake in the codec. */
function tellable(reply: DialogueReply): DialogueReply {
  if (reply.model === 'untellable') throw new Error('this cannot be told');
  return reply;
}

const protocols: LineProtocols = {
  endpoints: [chatPath],
  isSame: (url, endpoint) => url === endpoint,
  parseJson: parseJsonBody,
  of: (endpoint) => (endpoint !== chatPath ? undefined : {
    surface: chatPath,
    decode: (_caller, body) => ({ request: decodeChatRequest(body, 'moonshot').request, encode: ({ reply, cost }) => ({ body: encodeChatReply(tellable(reply), style, cost) }) }),
    encodeFault: (fault, requestId) => encodeChatError(fault, 'moonshot', requestId),
  }),
};
