import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { Fault } from '../base/fault.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';
import { sendFault } from './server.ts';

it('says what is left of requests and tokens, and nothing of what is not limited', () => {
  expect(rateLimitHeaders({ requests: { limit: 30, remaining: 29, resetMs: 60_050 }, tokens: { limit: 300_000, remaining: 1_000, resetMs: 12 } })).toEqual({
    'x-ratelimit-limit-requests': '30',
    'x-ratelimit-remaining-requests': '29',
    'x-ratelimit-reset-requests': '1m1s',
    'x-ratelimit-limit-tokens': '300000',
    'x-ratelimit-remaining-tokens': '1000',
    'x-ratelimit-reset-tokens': '12ms',
  });
  expect(rateLimitHeaders({ tokens: { limit: 5, remaining: 5, resetMs: 0 } })).toEqual({
    'x-ratelimit-limit-tokens': '5', 'x-ratelimit-remaining-tokens': '5', 'x-ratelimit-reset-tokens': '0ms',
  });
  expect(rateLimitHeaders({})).toEqual({});
});

it.each([
  [999, '999ms'], [1_000, '1s'], [1_151, '1.2s'], [59_949, '60s'], [60_000, '1m0s'], [86_399_001, '24h0m0s'], [3_600_000, '1h0m0s'],
])('writes %d ms as %s', (resetMs, text) => {
  expect(rateLimitHeaders({ requests: { limit: 1, remaining: 0, resetMs } })['x-ratelimit-reset-requests']).toBe(text);
});

it('stands beside Retry-After on a refusal', async () => {
  const app = Fastify();
  const log = { writes: () => false, write() {}, flush() {} };
  const standing = { requests: { limit: 3, remaining: 0, resetMs: 42_000 } };
  const fault = new Fault('rate_limited', { retryAfterMs: 1_500, metLimit: { kind: 'rpm', limit: 3, current: 3, requested: 1 }, standing });
  app.get('/v1/x', (request, reply) => sendFault(reply, request, fault, log));
  const { statusCode, headers } = await app.inject('/v1/x');
  expect(statusCode).toBe(429);
  expect(headers).toMatchObject({ 'retry-after': '2', 'retry-after-ms': '1500', 'x-ratelimit-limit-requests': '3', 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '42s' });
  await app.close();
});
