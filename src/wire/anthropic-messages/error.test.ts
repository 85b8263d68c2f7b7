import { describe, expect, it } from 'vitest';
import { Fault, type FaultCode, faultTable } from '../../base/fault.ts';
import { decodeMessagesError } from './error-decode.ts';
import { encodeMessagesError, encodeMessagesStreamError } from './error-encode.ts';

const told = (code: FaultCode): unknown[] => {
  const { status, body } = encodeMessagesError(new Fault(code), 'req_1');
  return [status, (body['error'] as { type: string }).type];
};

describe('encodeMessagesError', () => {
  it.each<[FaultCode, number, string]>([
    ['invalid_request', 400, 'invalid_request_error'], ['unauthenticated', 401, 'authentication_error'], ['permission_denied', 403, 'permission_error'], ['model_not_found', 404, 'not_found_error'],
    ['conflict', 409, 'conflict_error'], ['body_too_large', 413, 'request_too_large'], ['rate_limited', 429, 'rate_limit_error'], ['quota_exceeded', 429, 'billing_error'], ['internal', 500, 'api_error'],
    ['upstream_overloaded', 529, 'overloaded_error'], ['no_upstream', 529, 'overloaded_error'], ['shutting_down', 529, 'overloaded_error'], ['upstream_timeout', 504, 'timeout_error'], ['upstream_refused_key', 502, 'api_error'],
  ])('%s', (code, status, type) => {
    expect(told(code)).toEqual([status, type]);
  });

  it('never says 401 or 402 of what is not the caller\'s', () => {
    for (const code of Object.keys(faultTable) as FaultCode[]) {
      if (faultTable[code].blame !== 'caller') expect([401, 402]).not.toContain(encodeMessagesError(new Fault(code), 'r').status);
    }
  });

  it('carries the request id, when to come back, and whether to', () => {
    expect(encodeMessagesError(new Fault('rate_limited', { message: 'slow down', retryAfterMs: 1500 }), 'req_1')).toEqual({
      status: 429, body: { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' }, request_id: 'req_1' }, headers: { 'request-id': 'req_1', 'retry-after': '2', 'retry-after-ms': '1500' },
    });
    expect(encodeMessagesError(new Fault('quota_exceeded'), 'r').headers['x-should-retry']).toBe('false');
  });

  it('names the field once, says what Claude Code looks for, and a type that goes with the status whatever the vendor\'s was', () => {
    const said = (fault: Fault): unknown => encodeMessagesError(fault, 'r').body['error'];
    expect(said(new Fault('invalid_request', { message: 'max_tokens: Field required', field: 'max_tokens' }))).toMatchObject({ message: 'max_tokens: Field required' });
    expect(said(new Fault('invalid_request', { message: 'is odd', field: 'stop' }))).toMatchObject({ message: 'stop: is odd' });
    expect(said(new Fault('prompt_too_long', { message: 'exceeded model token limit: 9' }))).toEqual({ type: 'invalid_request_error', message: 'prompt is too long: exceeded model token limit: 9' });
    expect(said(new Fault('prompt_too_long', { message: 'Prompt is too long: 9' }))).toMatchObject({ message: 'Prompt is too long: 9' });
    // OpenAI's word for a model that there is not, and Anthropic's for a 409, which comes out as a 400 here.
    expect(said(new Fault('model_not_found', { vendorType: 'invalid_request_error' }))).toMatchObject({ type: 'not_found_error' });
    expect(said(new Fault('invalid_request', { vendorType: 'conflict_error' }))).toMatchObject({ type: 'invalid_request_error' });
  });

  it('says of a thread that there is none here, by the code that the SDK looks for', () => {
    const { status, body } = encodeMessagesError(new Fault('invalid_request', { message: 'not here', field: 'thread' }), 'r');
    expect([status, body['error']]).toEqual([400, { type: 'invalid_request_error', message: 'thread: not here', details: { error_code: 'thread_unsupported_request' } }]);
  });

  it('is the last event of a stream', () => {
    expect(encodeMessagesStreamError(new Fault('upstream_overloaded', { message: 'm' }), 'r')).toBe('event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"r"}\n\n');
  });
});

describe('decodeMessagesError', () => {
  it.each<[number, string, string, FaultCode]>([
    [400, 'invalid_request_error', 'max_tokens: too large', 'invalid_request'], [400, 'invalid_request_error', 'prompt is too long: 9 tokens > 8 maximum', 'prompt_too_long'],
    [400, 'billing_error', 'pay', 'upstream_refused_key'], [401, 'authentication_error', 'invalid x-api-key', 'upstream_refused_key'], [403, 'permission_error', 'no', 'upstream_refused_key'],
    [404, 'not_found_error', 'model: k9', 'model_not_found'], [413, 'request_too_large', 'too much', 'body_too_large'], [429, 'rate_limit_error', 'x', 'upstream_rate_limited'], [500, 'api_error', 'x', 'upstream_failed'],
    [529, 'overloaded_error', 'Overloaded', 'upstream_overloaded'], [200, 'timeout_error', 'x', 'upstream_timeout'], [200, 'permission_error', 'x', 'upstream_refused_key'], [200, 'request_too_large', 'x', 'body_too_large'],
  ])('%i %s "%s"', (status, type, message, code) => {
    expect(decodeMessagesError(status, { type: 'error', error: { type, message }, request_id: 'r' }).fault.code).toBe(code);
  });

  it('reads Moonshot\'s 401, which is OpenAI\'s, shows no key, and keeps the wait', () => {
    const { fault } = decodeMessagesError(401, { error: { message: 'Incorrect API key sk-abcdefgh provided', type: 'incorrect_api_key_error' } }, 3000);
    expect(fault).toMatchObject({ code: 'upstream_refused_key', retryAfterMs: 3000 });
    expect(fault.message).not.toContain('sk-abc');
    expect(decodeMessagesError(502, undefined).fault.code).toBe('upstream_failed');
  });
});
