import { adminApi, adminDownloads, adminUploads, pathParameters } from '../contract/admin-api.ts';
import type {
  AdminDownloadInput, AdminDownloadName, AdminRequestInput, AdminResponse, AdminRoute, AdminRouteName, AdminUploadInput, AdminUploadName, AdminUploadResponse,
} from '../contract/admin-api.ts';
import { adminErrorBody } from '../contract/admin-error.ts';
import { AdminError } from './admin-error.ts';

export interface AdminClientOptions {
  /** Where the server listens: `http://127.0.0.1:8787`. A path in it is kept. */
  readonly url: string;
  /** The admin token, `mgadm-…`. */
  readonly token: string;
  /** How long one call may take; 30 s when not given. */
  readonly timeoutMs?: number;
}

/** The admin API of one server. Every call is a row of the contract's table. */
export class AdminClient {
  readonly #url: string;
  readonly #token: string;
  readonly #timeoutMs: number;

  constructor(options: AdminClientOptions) {
    this.#url = options.url.replace(/\/+$/, '');
    this.#token = options.token;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  /**
   * Calls the route of that name and resolves with its answer, checked against the contract.
   * Throws `AdminError`; never with the token in it.
   */
  async call<Name extends AdminRouteName>(name: Name, request: AdminRequestInput<Name>): Promise<AdminResponse<Name>> {
    const route: AdminRoute = adminApi[name];
    const { path, rest } = fillPath(route.path, request);
    const body: Body = route.method === 'POST' ? { type: 'application/json', content: JSON.stringify(Object.fromEntries(rest)) } : undefined;
    return (await this.#answer(route, body === undefined ? withQuery(path, rest) : path, body)) as AdminResponse<Name>;
  }

  /**
   * Calls a route that takes bytes, with those of `content`: as they come, so that it may be large, and without a limit of time.
   * Resolves and throws as `call` does.
   */
  async upload<Name extends AdminUploadName>(name: Name, request: AdminUploadInput<Name>, content: ReadableStream<Uint8Array>): Promise<AdminUploadResponse<Name>> {
    const route: AdminRoute = adminUploads[name];
    const { path, rest } = fillPath(route.path, request);
    return (await this.#answer(route, withQuery(path, rest), { type: 'application/octet-stream', content })) as AdminUploadResponse<Name>;
  }

  /** Asks a route that answers with bytes, and resolves with them as they come, without a limit of time once they begin. Throws as `call` does. */
  async download<Name extends AdminDownloadName>(name: Name, request: AdminDownloadInput<Name>): Promise<ReadableStream<Uint8Array>> {
    const { method, path: template } = adminDownloads[name];
    const { path, rest } = fillPath(template, request);
    const response = await this.#send(method, withQuery(path, rest), undefined);
    if (!response.ok) throw refusal(response.status, await this.#readJson(response), this.#url);
    return response.body ?? new Blob([]).stream();
  }

  async #answer(route: AdminRoute, path: string, content: Body): Promise<object> {
    const response = await this.#send(route.method, path, content);
    const body = await this.#readJson(response);
    if (!response.ok) throw refusal(response.status, body, this.#url);
    const parsed = route.response.safeParse(body);
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new AdminError('invalid_reply', `the answer of ${this.#url} is not what this version expects (at "${where}")`, {
      status: response.status,
    });
  }

  async #send(method: AdminRoute['method'], path: string, body: Body): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json', authorization: `Bearer ${this.#token}` };
    const options: RequestInit = { method, headers, redirect: 'error' };
    if (body !== undefined) {
      headers['content-type'] = body.type;
      options.body = body.content;
    }
    if (typeof body?.content === 'object') Object.assign(options, { duplex: 'half' });
    else options.signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      return await fetch(this.#url + path, options);
    } catch (error) {
      throw connectionError(error, this.#url, this.#timeoutMs);
    }
  }

  async #readJson(response: Response): Promise<unknown> {
    try {
      return await response.json();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw connectionError(error, this.#url, this.#timeoutMs);
      const message = `what answers at ${this.#url} is no Moongate server (status ${response.status}, no JSON)`;
      throw new AdminError('invalid_reply', message, { status: response.status, cause: error });
    }
  }
}

/** What is sent; undefined: nothing. */
type Body = { readonly type: string; readonly content: string | ReadableStream<Uint8Array> } | undefined;

function withQuery(path: string, rest: ReadonlyMap<string, unknown>): string {
  if (rest.size === 0) return path;
  return `${path}?${new URLSearchParams([...rest].map(([name, value]): [string, string] => [name, String(value)]))}`;
}

/** Puts the fields that the path names into it; `rest` is what remains, without the undefined ones. */
function fillPath(template: string, request: object): { path: string; rest: Map<string, unknown> } {
  const rest = new Map<string, unknown>(Object.entries(request).filter(([, value]) => value !== undefined));
  let path = template;
  for (const name of pathParameters(template)) {
    path = path.replace(`{${name}}`, () => encodeURIComponent(String(rest.get(name))));
    rest.delete(name);
  }
  return { path, rest };
}

function refusal(status: number, body: unknown, url: string): AdminError {
  const parsed = adminErrorBody.safeParse(body);
  if (!parsed.success) {
    return new AdminError('invalid_reply', `what answers at ${url} is no Moongate server (status ${status})`, { status });
  }
  const { code, message, field } = parsed.data.error;
  return new AdminError(code, message, field === undefined ? { status } : { status, field });
}

function connectionError(error: unknown, url: string, timeoutMs: number): AdminError {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new AdminError('timed_out', `${url} did not answer within ${timeoutMs / 1000} s`, { cause: error });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  if (reason === 'ECONNREFUSED') return new AdminError('unreachable', `no server is running on ${url}`, { cause: error });
  const text = cause instanceof Error && cause.message !== '' ? cause.message : String(reason ?? 'unknown error');
  return new AdminError('unreachable', `${url} cannot be reached: ${text}`, { cause: error });
}
