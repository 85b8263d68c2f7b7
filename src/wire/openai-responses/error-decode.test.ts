import { describe, expect, it } from 'vitest';
import { decodeResponsesError } from './error-decode.ts';

describe('decodeResponsesError', () => {
  it.each([
    [400, { error: { type: 'invalid_request_error', message: 'tools.0 is bad', param: 'tools', code: null } }, 'invalid_request'],
    [429, { error: { type: 'TooManyRequests', code: 'RateLimitExceeded.EndpointRPMExceeded', message: 'slow' } }, 'upstream_rate_limited'],
    [403, { error: { type: 'Forbidden', code: 'AccountOverdueError', message: 'pay' } }, 'upstream_refused_key'],
    [404, { error: { type: 'NotFound', code: 'ModelNotOpen', message: 'no such model' } }, 'model_not_found'],
    [200, { error: { code: 'invalid_prompt', message: 'bad' } }, 'invalid_request'],
    [200, { error: { code: 'rate_limit_exceeded', message: 'slow' } }, 'upstream_rate_limited'],
    [200, { type: 'error', code: 'InvalidParameter', message: 'bad' }, 'invalid_request'],
    [200, { type: 'error', error: { type: 'too_many_requests', message: 'slow' } }, 'upstream_rate_limited'],
    [200, { error: { code: 500, message: 'x' } }, 'upstream_failed'],
    [502, undefined, 'upstream_failed'],
  ])('%i %j is %s', (status, body, code) => {
    expect(decodeResponsesError(status, body).fault.code).toBe(code);
  });

  it.each([
    [404, { error: { code: 'previous_response_not_found', message: "Previous response with id 'resp_1' not found.", param: 'previous_response_id' } }, true],
    [404, { error: { type: 'NotFound', code: 'NotFound.previous_response_id', message: 'gone' } }, true],
    [400, { error: { type: 'BadRequest', code: 'InvalidParameter', param: 'previous_response_id', message: 'expired' } }, true],
    [400, { error: { type: 'BadRequest', code: 'InvalidParameter', message: 'The previous response resp_1 has expired. Request id: 9' } }, true],
    [404, { error: { code: 'ModelNotOpen', message: 'no such model' } }, undefined],
    [500, { error: { message: 'while loading previous_response_id' } }, undefined],
    [404, 'previous_response_id', undefined],
  ])('%i %j: the previous response is lost: %s', (status, body, lost) => {
    expect(decodeResponsesError(status, body).previousLost).toBe(lost);
  });

  it('passes the wait on that the headers asked for', () => {
    expect(decodeResponsesError(429, { error: { message: 'slow' } }, 7_000).fault.retryAfterMs).toBe(7_000);
  });
});
