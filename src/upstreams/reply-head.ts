/** What we read of a reply's head. Every other header is none of our business and goes nowhere. */
export interface ReplyHead {
  readonly status: number;
  /** Media type, lower case, without parameters; empty when the upstream sent none. */
  readonly mediaType: string;
  /** `content-encoding`, lower case; empty for none and for `identity`. */
  readonly encoding: string;
  readonly retryAfter: string | undefined;
  /** The upstream's own id of the request, for its support desk; only if it looks like one. */
  readonly requestId: string | undefined;
}

/** Headers as undici gives them: names in lower case, a list for one that came more than once. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Moonshot sends `msh-request-id` (moonshot-api.md 1.0), Kimi Code `x-trace-id`, Anthropic `request-id`, Ark and the rest `x-request-id`. */
const requestIdHeaders = ['x-request-id', 'request-id', 'msh-request-id', 'x-trace-id', 'x-generation-id'] as const;

const requestIdForm = /^[A-Za-z0-9._:-]{1,128}$/;

/** Picks the allowed headers out of `headers`. Of a repeated one the first counts. */
export function readReplyHead(status: number, headers: ReplyHeaders): ReplyHead {
  const type = first(headers['content-type']) ?? '';
  const semicolon = type.indexOf(';');
  const encoding = (first(headers['content-encoding']) ?? '').trim().toLowerCase();
  return {
    status,
    mediaType: (semicolon === -1 ? type : type.slice(0, semicolon)).trim().toLowerCase(),
    encoding: encoding === 'identity' ? '' : encoding,
    retryAfter: first(headers['retry-after']),
    requestId: requestIdOf(headers),
  };
}

function requestIdOf(headers: ReplyHeaders): string | undefined {
  for (const name of requestIdHeaders) {
    const id = first(headers[name]);
    if (id !== undefined && requestIdForm.test(id)) return id;
  }
  return undefined;
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
