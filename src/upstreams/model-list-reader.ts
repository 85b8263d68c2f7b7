import { Fault } from '../base/fault.ts';
import { isJsonObject, type JsonValue } from '../base/json.ts';
import { JsonReplyReader } from './json-reply-reader.ts';
import { AttemptFailure } from './upstream.ts';

/** A server that lists more models than this is not one that we were meant to ask. */
const idsMax = 10_000;
const idLengthMax = 256;

/** Reads the reply to `GET {base}/models`: `{"data": [{"id": …}]}`, whatever else is in it. */
export class ModelListReader extends JsonReplyReader {
  readonly #upstreamId: string;
  #ids: readonly string[] = [];

  constructor(upstreamId: string) {
    super();
    this.#upstreamId = upstreamId;
  }

  get ids(): readonly string[] {
    return this.#ids;
  }

  protected override take(status: number, value: unknown): void {
    if (status >= 400) throw this.#failure(`the upstream refused to list its models (${status})`);
    const entries = isJsonObject(value) ? value.data : undefined;
    if (!Array.isArray(entries)) throw this.#failure("the upstream's list of models is not one");
    const ids = entries.slice(0, idsMax).map((entry: JsonValue) => (isJsonObject(entry) ? entry.id : undefined));
    this.#ids = ids.filter((id): id is string => typeof id === 'string' && id !== '' && id.length <= idLengthMax);
  }

  #failure(message: string): AttemptFailure {
    return new AttemptFailure(new Fault('upstream_failed', { message, upstream: this.#upstreamId }), 'rejected');
  }
}
