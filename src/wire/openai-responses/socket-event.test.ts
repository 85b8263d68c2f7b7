import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { encodeSteerFailed, parseSocketEvent, streamIdOf } from './socket-event.ts';

describe('an event of a client', () => {
  it('that creates is the body of the same POST, and what only a socket has', () => {
    expect(parseSocketEvent({ type: 'response.create', stream_id: 'a.b-c_1', generate: false, background: false, stream: true, model: 'm', input: 'hi', previous_response_id: 'resp_1' })).toEqual({
      type: 'response.create', streamId: 'a.b-c_1', generate: false, previousResponseId: 'resp_1',
      body: { model: 'm', input: 'hi', previous_response_id: 'resp_1', stream: true },
    });
    expect(parseSocketEvent({ type: 'response.create', stream_id: null, generate: null, stream: null })).toEqual({ type: 'response.create', generate: true, body: { stream: true } });
  });

  it.each([
    [{}, 'type'],
    [{ type: 'response.steer' }, 'previous_response_id'],
    [{ type: 'response.steer', previous_response_id: 'resp_1', input: 7 }, 'input'],
    [{ type: 'response.create', stream_id: '' }, 'stream_id'],
    [{ type: 'response.create', stream_id: 'x'.repeat(257) }, 'stream_id'],
    [{ type: 'response.create', generate: 'no' }, 'generate'],
  ])('%j is refused, naming %s', (event, field) => {
    expect(() => parseSocketEvent(event)).toThrow(expect.objectContaining({ code: 'invalid_request', field }) as Error);
  });

  it('whatever it is, is understood or refused', () => {
    const fields = fc.record({ type: fc.constantFrom('response.create', 'response.steer', 'x'), stream_id: fc.jsonValue(), generate: fc.jsonValue(), stream: fc.jsonValue(), input: fc.jsonValue() }, { requiredKeys: [] });
    fc.assert(fc.property(fc.oneof(fields, fc.jsonValue()), (event) => {
      try {
        const parsed = parseSocketEvent(event);
        if (parsed.type === 'response.create') expect(parsed.streamId).toBe(streamIdOf(event));
        else expect(encodeSteerFailed(parsed)).toMatchObject({ steer: { input: parsed.input } });
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
      }
    }));
  });
});
