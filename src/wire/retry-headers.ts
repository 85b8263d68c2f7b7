import type { Fault } from '../base/fault.ts';

/** Longest wait that we name: the SDKs ignore a longer one, or give up (responses-ark-anthropic-batch.md 5.2). */
const retryAfterMsMax = 60_000;

/** Statuses that clients try again by themselves: the SDKs of OpenAI and Anthropic, and Claude Code, which goes on for minutes after a wrong key. */
function isRetriedByClients(status: number): boolean {
  return status === 401 || status === 403 || status === 408 || status === 409 || status === 429 || status >= 500;
}

/**
 * What the headers of a refusal say of another try, the same in all protocols: when to come back (`retry-after`, whole seconds, 1 to 60,
 * and `retry-after-ms`), and not to try again what cannot succeed (`x-should-retry`). `status`: as it is sent.
 */
export function retryHeaders(fault: Fault, status: number = fault.status): Record<string, string> {
  const headers: Record<string, string> = {};
  if (fault.retryable && fault.retryAfterMs !== undefined) {
    const waitMs = Math.min(Math.max(Math.ceil(fault.retryAfterMs), 0), retryAfterMsMax);
    headers['retry-after'] = String(Math.max(1, Math.ceil(waitMs / 1000)));
    headers['retry-after-ms'] = String(waitMs);
  }
  if (!fault.retryable && isRetriedByClients(status)) headers['x-should-retry'] = 'false';
  return headers;
}
