import type { Fault } from '../../../base/fault.ts';
import type { GenerationId } from '../../../base/id.ts';
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import type { EventBatch } from '../../../dialogue/event.ts';
import type { AttemptOpened, GenerationEnd } from '../../../gateway/gateway.ts';
import type { PlannedAttempt } from '../../../routing/plan.ts';
import { encodeResponse } from '../../../wire/openai-responses/reply-encode.ts';
import { settingsOf } from '../../../wire/openai-responses/response-settings.ts';
import type { ResponsesStyle } from '../../../wire/openai-responses/responses-style.ts';
import { ResponsesStreamEncoder } from '../../../wire/openai-responses/stream-encode.ts';
import { decodeTools } from '../../../wire/openai-responses/tool-decode.ts';
import type { ReplyWriter, WholeEnd } from '../../reply-writer.ts';
import { expireAtOf } from './caching-terms.ts';
import { keepTurn } from './keep-turn.ts';
import type { TurnEnd } from './turn-end.ts';
import { newItemId } from './new-item-id.ts';
import type { Turn } from './open-turn.ts';
import type { ResponsesDeps } from './responses-deps.ts';
import { unkeptEnd } from './unkept-end.ts';

/** What of a turn its dress depends on. */
export type DressedTurn = Pick<Turn, 'body' | 'scope' | 'responseId' | 'createdMs'>;

/** How the responses of a turn are to be dressed. `onEvent`: told of each event of a stream. */
export function styleOf(deps: ResponsesDeps, turn: DressedTurn, onEvent?: ResponsesStyle['onEvent']): ResponsesStyle {
  const { body, scope, responseId, createdMs } = turn;
  return {
    vendor: body.vendor,
    responseId,
    createdS: Math.floor(createdMs / 1000),
    model: body.model,
    settings: settingsOf(body, expireAtOf(body, createdMs)),
    seals: deps.sealsOf(scope.tenantId),
    // Who has nothing stored has its thinking nowhere but in its own hands; several clients rely on that and do not ask
    // (decision 0019).
    includeEncrypted: body.include.has('reasoning.encrypted_content') || !body.store,
    toolForms: decodeTools(body.wire).forms,
    newId: (prefix) => newItemId(prefix, deps.random),
    nowS: () => Math.floor(deps.clock.nowMs() / 1000),
    ...(body.obfuscated ? { obfuscate: (delta: string) => padding(deps, delta) } : {}),
    ...(onEvent === undefined ? {} : { onEvent }),
  };
}

/** Fills a delta up to the next multiple of so many characters. */
const obfuscatedLength = 16;

function padding({ random }: ResponsesDeps, delta: string): string {
  const missing = obfuscatedLength - (delta.length % obfuscatedLength);
  return random.bytes(Math.ceil(missing / 2)).toString('hex').slice(0, missing);
}

/** Who follows how a turn is told. */
export interface TurnFollower {
  onEvent?: NonNullable<ResponsesStyle['onEvent']>;
  /** How it has ended; it is kept by then, if it is to be. */
  onKept?(end: TurnEnd): void;
}

/** Tells one turn to its client, and keeps it before the last byte leaves. */
export class TurnWriter implements ReplyWriter {
  readonly headers = { 'openai-version': '2020-10-01' };
  readonly #deps: ResponsesDeps;
  readonly #turn: Turn;
  readonly #generationId: GenerationId;
  readonly #style: ResponsesStyle;
  readonly #encoder: ResponsesStreamEncoder;
  #attempt: PlannedAttempt | undefined;
  #contextHandle: string | undefined;
  readonly #onKept: TurnFollower['onKept'];
  #begun = false;
  /** Once the end is written: the number of the last event before it. */
  #sentNumber: number | undefined;

  constructor(deps: ResponsesDeps, turn: Turn, generationId: GenerationId, follower: TurnFollower = {}) {
    this.#deps = deps;
    this.#turn = turn;
    this.#generationId = generationId;
    this.#style = styleOf(deps, turn, follower.onEvent);
    this.#onKept = follower.onKept?.bind(follower);
    this.#encoder = new ResponsesStreamEncoder(this.#style);
  }

  opened({ attempt }: AttemptOpened): void {
    this.#attempt = attempt;
  }

  encode(batches: readonly EventBatch[]): string {
    if (!this.#begun) this.#begin(batches);
    return this.#encoder.encode(batches);
  }

  #begin(batches: readonly EventBatch[]): void {
    for (const { events } of batches) {
      for (const event of events) {
        if (event.type !== 'reply-start') continue;
        this.#begun = true;
        this.#contextHandle = event.contextHandle;
      }
    }
  }

  async finish({ usage }: GenerationEnd): Promise<string> {
    this.#sentNumber = this.#encoder.lastSequenceNumber;
    const text = this.#encoder.finish(usage);
    await this.#keep({ body: this.#encoder.storedResponse(), output: this.#encoder.output(), usage });
    return text;
  }

  async fail(fault: Fault): Promise<string> {
    if (this.#sentNumber !== undefined) return unkeptEnd(this.#style, this.#encoder.response(), fault, this.#sentNumber);
    const text = fault.code === 'caller_gone' ? this.#encoder.cancel() : this.#encoder.fail(fault);
    // The caller is told of the fault anyway; what could not be kept is not there later.
    await this.#keep({ body: this.#encoder.storedResponse(), output: this.#encoder.output() }).catch(() => undefined);
    return text;
  }

  async whole({ reply, usage }: WholeEnd): Promise<JsonObject> {
    this.#contextHandle = reply.contextHandle;
    const { response, stored } = encodeResponse(reply, usage, this.#style);
    const { output } = stored;
    await this.#keep({ body: stored, output: Array.isArray(output) ? output.filter(isJsonObject) : [], usage });
    return response;
  }

  async #keep(how: Pick<TurnEnd, 'body' | 'output' | 'usage'>): Promise<void> {
    const end: TurnEnd = {
      ...how,
      generationId: this.#generationId,
      ...(this.#attempt === undefined ? {} : { attempt: this.#attempt }),
      ...(this.#contextHandle === undefined ? {} : { contextHandle: this.#contextHandle }),
    };
    await keepTurn(this.#deps, this.#turn, end);
    this.#onKept?.(end);
  }
}
