import { Fault, type FaultCode, type FaultDetail } from '../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { scrubbedText } from './scrubbed-text.ts';

/** What an upstream's error body says, whatever its vendor's shape. Absent strings are empty. */
interface ErrorReport {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param: string;
}

const quotaWords = anyOf(
  'insufficient[ _](account )?(balance|quota|credits?)', 'exceeded[ _](your )?current[ _](token )?quota', 'accountoverdue', 'suspended',
  'credit_balance', 'out of credits', 'more credits', 'spend_limit_exceeded', 'usage_limit_exceeded',
);
const filterWords = anyOf(
  'content_filter', 'considered high risk', 'sensitivecontent', 'data_inspection_failed', 'content_policy', 'flagged', 'moderation',
);
const retiredWords = anyOf(
  'retired', 'deprecated', 'discontinued', 'decommissioned', 'sunset', 'closedendpoint', 'no longer (available|supported|served)',
);
const modelWords = anyOf(
  'resource_not_found', 'model_not_found', '\\bmodels?\\b', 'invalidendpointormodel', 'modelnotopen', 'unsupportedmodel', 'no endpoints',
  'no allowed providers',
);
const badModelWords = anyOf(
  'not a valid model', 'model_not_found', 'unknown model', 'invalid model', 'not found the model',
  '\\bmodel\\b.{0,120}(does not exist|not found|not exist|unknown)',
);
const tooLongWords = anyOf(
  'exceeded model token limit', 'input token length too long', 'context[ _]length', 'context window', 'prompt is too long',
  'too many (input )?tokens', 'total message size',
);
const overloadWords = anyOf('overload');
const rateWords = anyOf(
  'rate[ _]?limit', 'too[ _]?many[ _]?requests', 'slow_down', 'max (organization |project )?(concurrency|rpm)',
  'reached .{0,60}(concurrency|rpm|tpm|tpd)',
);

function anyOf(...patterns: readonly string[]): RegExp {
  return new RegExp(patterns.join('|'), 'i');
}

/**
 * An upstream's error as a fault of ours, by its type first, its status next, its words last, in whichever protocol: their
 * bodies all hold an `error` with a type or code and a message. Whoever sent it: Moonshot,
 * OpenRouter, Ark, vLLM, SGLang, llama-server, SiliconFlow, FastAPI. `status` is the HTTP status; with 200 and an error body,
 * or an error in a stream, the body's own code counts. `retryAfterMs` is the wait that the headers asked for; without it
 * the message's "try again after N seconds" is read.
 *
 * What is wrong with the request is passed on in the vendor's words, bounded to 2 KiB and scrubbed of keys and account
 * ids. What is wrong with our credential or account is `upstream_refused_key`, never a 401, and quota that is used up
 * (429 at Moonshot) is the same: it does not pass by itself.
 */
export function decodeVendorError(status: number, body: JsonValue | undefined, retryAfterMs?: number): Fault {
  const report = readReport(status, body);
  const code = classify(report);
  const waitMs = retryAfterMs ?? spokenWaitMs(report.message);
  const vendorText = scrubbedText(report.message);
  const detail: FaultDetail = {
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...(vendorText === '' ? {} : { cause: new Error(vendorText) }),
  };
  if (code === 'upstream_refused_key' && isQuota(report)) {
    const message = 'our account at the upstream has no quota or balance left; the operator has been told';
    return new Fault(code, { ...detail, message });
  }
  if (!passedOn.has(code)) return new Fault(code, detail);
  return new Fault(code, {
    ...detail,
    ...(vendorText === '' ? {} : { message: vendorText }),
    ...(/^[A-Za-z0-9_.[\]-]{1,128}$/.test(report.param) ? { field: report.param } : {}),
    ...(/^[A-Za-z_][\w.-]{0,63}$/.test(report.type) ? { vendorType: report.type } : {}),
  });
}

/** Verdicts on the request itself: the caller gets them in the vendor's words. */
const passedOn: ReadonlySet<FaultCode> = new Set([
  'invalid_request', 'prompt_too_long', 'content_filtered', 'model_not_found', 'model_retired', 'body_too_large',
]);

function classify(report: ErrorReport): FaultCode {
  const { status } = report;
  const words = `${report.type} ${report.code} ${report.message}`;
  if (isQuota(report)) return 'upstream_refused_key';
  if (status < 500 && status !== 429 && filterWords.test(words)) return 'content_filtered';
  if (status === 404 || ((status === 400 || status === 403) && badModelWords.test(words))) return missing(words);
  if (status === 401 || status === 403 || status === 407 || /authentication|incorrect_api_key|permission_denied/.test(report.type)) {
    return 'upstream_refused_key';
  }
  if (status === 408 || status === 504 || status === 524) return 'upstream_timeout';
  if (status === 503 || status === 529 || /engine_overloaded|server_unavailable/.test(report.type)) return 'upstream_overloaded';
  if (status === 429) return overloadWords.test(words) ? 'upstream_overloaded' : 'upstream_rate_limited';
  if (status >= 500) return overloadWords.test(words) ? 'upstream_overloaded' : 'upstream_failed';
  if (status >= 400) {
    if (tooLongWords.test(words)) return 'prompt_too_long';
    return status === 413 ? 'body_too_large' : 'invalid_request';
  }
  return classifyByWords(report.type, words);
}

/** For an error that came with no status worth the name: HTTP 200, or in a stream without a numeric code. */
function classifyByWords(type: string, words: string): FaultCode {
  if (tooLongWords.test(words)) return 'prompt_too_long';
  if (overloadWords.test(words)) return 'upstream_overloaded';
  if (rateWords.test(words)) return 'upstream_rate_limited';
  if (badModelWords.test(words)) return missing(words);
  return /invalid_request|badrequest|invalidparameter/i.test(type) ? 'invalid_request' : 'upstream_failed';
}

/** A 404 may be about the model, or mean that the base URL is wrong, which is not the caller's business. */
function missing(words: string): FaultCode {
  if (retiredWords.test(words)) return 'model_retired';
  return modelWords.test(words) ? 'model_not_found' : 'upstream_failed';
}

function isQuota(report: ErrorReport): boolean {
  const { status, type, code, message } = report;
  if (status === 402 || quotaWords.test(`${type} ${code}`)) return true;
  return (status === 429 || status === 403 || status < 400) && quotaWords.test(message);
}

/** "please try again after N seconds" (moonshot-api.md 3.2), in milliseconds. */
function spokenWaitMs(message: string): number | undefined {
  const match = /(?:try again|retry) (?:after|in) (\d{1,6}(?:\.\d{1,3})?) ?s/i.exec(message);
  return match === null ? undefined : Math.round(Number(match[1]) * 1000);
}

function readReport(status: number, body: JsonValue | undefined): ErrorReport {
  const outer = Array.isArray(body) ? (body as readonly JsonValue[])[0] : body;
  if (!isJsonObject(outer)) return { status, type: '', code: '', message: '', param: '' };
  const inner = outer['error'];
  const error: JsonObject = isJsonObject(inner) ? inner : outer;
  const type = textOf(error['type']) || textOf(error['status']);
  const code = textOf(error['code']);
  const message =
    providersWords(error) || textOf(error['message']) || textOf(inner) || textOf(outer['message']) || detailText(outer['detail']);
  return {
    status: effectiveStatus(status, error, type),
    type,
    code,
    // Much longer than any honest one, and short enough to search for words.
    message: message.slice(0, 8192),
    param: textOf(error['param']),
  };
}

/** The HTTP status, or the body's own when there is none that says "error" (OpenRouter, vLLM: `code` is an HTTP status). */
function effectiveStatus(status: number, error: JsonObject, type: string): number {
  if (status >= 400) return status;
  for (const claimed of [error['code'], error['status'], error['status_code'], error['http_code']]) {
    const number = typeof claimed === 'string' && /^\d{3}$/.test(claimed) ? Number(claimed) : claimed;
    if (typeof number === 'number' && Number.isInteger(number) && number >= 400 && number < 600) return number;
  }
  return statusByType[type] ?? status;
}

const statusByType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  content_filter: 400,
  invalid_authentication_error: 401,
  incorrect_api_key_error: 401,
  authentication_error: 401,
  permission_denied_error: 403,
  resource_not_found_error: 404,
  not_found_error: 404,
  engine_overloaded_error: 429,
  rate_limit_reached_error: 429,
  rate_limit_error: 429,
  exceeded_current_quota_error: 429,
  insufficient_quota: 429,
  server_error: 500,
  api_error: 500,
  server_unavailable: 503,
  overloaded_error: 529,
};

/** OpenRouter says "Provider returned error" and puts the provider's own words, often JSON, in `metadata.raw`. */
function providersWords(error: JsonObject): string {
  const metadata = error['metadata'];
  const raw = isJsonObject(metadata) ? metadata['raw'] : undefined;
  if (typeof raw !== 'string' || !/provider returned error/i.test(textOf(error['message']))) return '';
  if (!raw.trimStart().startsWith('{') || raw.length > 64 * 1024) return raw;
  try {
    const parsed: unknown = JSON.parse(raw);
    if (!isJsonObject(parsed)) return raw;
    const inner = parsed['error'];
    return (isJsonObject(inner) ? textOf(inner['message']) : textOf(inner)) || textOf(parsed['message']) || raw;
  } catch {
    return raw;
  }
}

/** FastAPI's `detail`: a text, or a list of `{loc, msg}`. */
function detailText(detail: JsonValue | undefined): string {
  if (!Array.isArray(detail)) return textOf(detail);
  return (detail as readonly JsonValue[])
    .slice(0, 8)
    .map((item) => (isJsonObject(item) ? textOf(item['msg']) : ''))
    .filter((text) => text !== '')
    .join('; ');
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
