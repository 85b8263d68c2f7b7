import { describe, expect, it } from 'vitest';
import { Fault, faultTable, type FaultCode } from '../../base/fault.ts';
import { SseParser } from '../../base/sse.ts';
import { encodeChatError, encodeChatStreamError } from './error-encode.ts';

const codes = Object.keys(faultTable) as FaultCode[];

describe('encodeChatError', () => {
  it.each([
    ['invalid_request', 400, 'invalid_request_error'],
    ['content_filtered', 400, 'content_filter'],
    ['unauthenticated', 401, 'invalid_authentication_error'],
    ['key_rejected', 401, 'incorrect_api_key_error'],
    ['permission_denied', 403, 'permission_denied_error'],
    ['model_not_found', 404, 'resource_not_found_error'],
    ['rate_limited', 429, 'rate_limit_reached_error'],
    ['quota_exceeded', 429, 'exceeded_current_quota_error'],
    ['upstream_overloaded', 503, 'engine_overloaded_error'],
    ['internal', 500, 'server_error'],
  ] as const)("dresses %s as Moonshot's", (code, status, type) => {
    const encoded = encodeChatError(new Fault(code, { message: 'm' }), 'moonshot', 'req_1');
    expect(encoded.status).toBe(status);
    expect(encoded.body).toEqual({ error: { message: 'm', type } });
  });

  it('names the field, and the type that the vendor gave', () => {
    const fault = new Fault('invalid_request', { message: 'm', field: 'messages.3.content', vendorType: 'BadRequestError' });
    expect(encodeChatError(fault, 'moonshot', '').body).toEqual({ error: { message: 'm', type: 'BadRequestError', param: 'messages.3.content' } });
    expect(encodeChatError(fault, 'openrouter', '').body).toEqual({ error: { code: 400, message: 'm', metadata: { param: 'messages.3.content' } } });
    expect(encodeChatError(fault, 'ark', 'req_1').body).toEqual({
      error: { code: 'InvalidParameter', message: 'm. Request id: req_1', param: 'messages.3.content', type: 'BadRequest' },
    });
  });

  it('names the provider at OpenRouter', () => {
    const fault = new Fault('upstream_failed', { message: 'm', upstream: 'moonshot' });
    expect(encodeChatError(fault, 'openrouter', '').body).toEqual({ error: { code: 502, message: 'm', metadata: { provider_name: 'moonshot' } } });
  });

  it("has Ark's codes", () => {
    const of = (code: FaultCode): unknown => encodeChatError(new Fault(code, { message: 'm' }), 'ark', 'r').body;
    expect(of('key_rejected')).toEqual({ error: { code: 'AuthenticationError', message: 'm. Request id: r', param: '', type: 'Unauthorized' } });
    expect(of('model_not_found')).toEqual({ error: { code: 'InvalidEndpointOrModel.NotFound', message: 'm. Request id: r', param: '', type: 'NotFound' } });
    expect(of('rate_limited')).toEqual({
      error: { code: 'RateLimitExceeded.EndpointRPMExceeded', message: 'm. Request id: r', param: '', type: 'TooManyRequests' },
    });
    expect(of('internal')).toEqual({ error: { code: 'InternalServiceError', message: 'm. Request id: r', param: '', type: 'InternalServerError' } });
  });

  it.each([
    ['rpm', 'RateLimitExceeded.EndpointRPMExceeded'],
    ['tpm', 'RateLimitExceeded.EndpointTPMExceeded'],
    ['tpd', 'RateLimitExceeded.EndpointTPMExceeded'],
    ['concurrency', 'RateLimitExceeded.EndpointRPMExceeded'],
  ] as const)('dresses a limit of %s as each vendor does', (kind, arkCode) => {
    const fault = new Fault('rate_limited', { message: 'm', retryAfterMs: 1_000, metLimit: { kind, limit: 3, current: 3, requested: 1 } });
    expect(encodeChatError(fault, 'ark', 'r').body).toEqual({ error: { code: arkCode, message: 'm. Request id: r', param: '', type: 'TooManyRequests' } });
    expect(encodeChatError(fault, 'moonshot', 'r').body).toEqual({ error: { message: 'm', type: 'rate_limit_reached_error' } });
    expect(encodeChatError(fault, 'openrouter', 'r').body).toEqual({ error: { code: 429, message: 'm' } });
  });

  it('tells the SDKs not to send again what is more than the whole limit', () => {
    const fault = new Fault('rate_limited', { metLimit: { kind: 'tpm', limit: 100, current: 0, requested: 101 } });
    expect(encodeChatError(fault, 'moonshot', '').headers).toEqual({ 'x-should-retry': 'false' });
    const later = new Fault('rate_limited', { retryAfterMs: 70_000, metLimit: { kind: 'tpm', limit: 100, current: 60, requested: 100 } });
    expect(encodeChatError(later, 'moonshot', '').headers).toEqual({ 'retry-after': '60', 'retry-after-ms': '60000' });
  });

  it.each([
    [1, '1', '1'],
    [1500, '2', '1500'],
    [60_000, '60', '60000'],
    [3_600_000, '60', '60000'],
    [0, '1', '0'],
  ])('says when to come back: %d ms', (retryAfterMs, seconds, ms) => {
    const { headers } = encodeChatError(new Fault('rate_limited', { retryAfterMs }), 'moonshot', '');
    expect(headers).toEqual({ 'retry-after': seconds, 'retry-after-ms': ms });
  });

  it('stops clients from trying again what cannot succeed, and only that', () => {
    for (const code of codes) {
      const fault = new Fault(code, { retryAfterMs: 1000 });
      const { headers, status } = encodeChatError(fault, 'moonshot', '');
      // Claude Code goes on for three minutes after a 401.
      const retried = [401, 403, 408, 409, 429].includes(status) || status >= 500;
      expect(headers['x-should-retry'], code).toBe(retried && !fault.retryable ? 'false' : undefined);
      expect(headers['retry-after'], code).toBe(fault.retryable ? '1' : undefined);
    }
    expect(encodeChatError(new Fault('quota_exceeded'), 'ark', '').headers['x-should-retry']).toBe('false');
  });
});

describe('encodeChatStreamError', () => {
  it.each(['moonshot', 'openrouter', 'ark'] as const)('is one event with the error: %s', (vendor) => {
    for (const code of codes) {
      const text = encodeChatStreamError(new Fault(code, { message: 'two\n\nlines' }), vendor, 'req_1');
      const payloads = new SseParser().push(Buffer.from(text));
      expect(payloads).toHaveLength(1);
      const { error } = encodeChatError(new Fault(code, { message: 'two\n\nlines' }), vendor, 'req_1').body;
      expect(JSON.parse(payloads[0] ?? '')).toMatchObject({ error });
    }
  });

  it("is a chunk that ends with error at OpenRouter", () => {
    const [payload] = new SseParser().push(Buffer.from(encodeChatStreamError(new Fault('upstream_interrupted'), 'openrouter', 'req_1')));
    expect(JSON.parse(payload ?? '')).toMatchObject({ id: 'req_1', object: 'chat.completion.chunk', choices: [{ index: 0, finish_reason: 'error' }] });
  });
});
