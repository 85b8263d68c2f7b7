import { describe, expect, it } from 'vitest';
import { Fault } from '../base/fault.ts';
import type { Protocol } from '../dialogue/protocol.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { chatProtocol } from './chat-protocol.ts';
import { dialectOf } from './dialect.ts';
import { chooseProtocol } from './protocol-choice.ts';
import { AttemptFailure, type UpstreamCall } from './upstream.ts';
import type { WireProtocol } from './wire-protocol.ts';

const chat = 'openai-chat';
const messages = 'anthropic-messages';
const responses = 'openai-responses';

/** A protocol that loses so many fields, and notes that it was asked to encode. */
function losing(protocol: Protocol, count: number, encoded: Protocol[], contextCache = false): WireProtocol {
  const losses = Array.from({ length: count }, (_each, index) => ({ field: `f${index}`, reason: 'r' }));
  return {
    ...chatProtocol(dialectOf('openai')),
    protocol,
    contextCache,
    encode: () => {
      encoded.push(protocol);
      return { body: {}, losses };
    },
  };
}

function callBy(protocol: Protocol, more: Partial<DialogueRequest> = {}): UpstreamCall {
  return { request: { protocol, model: 'm', messages: [], sampling: {}, stream: false, ...more }, upstreamModel: 'm', generationId: 'gen_1' };
}

describe('chooseProtocol', () => {
  it.each([
    // came by | lost by chat, Messages, Responses (undefined: not spoken) | goes by | encoded by
    [chat, 0, 0, 0, chat, [chat]],
    [chat, 1, 0, 0, messages, [chat, messages]],
    [chat, 1, 2, 0, responses, [chat, messages, responses]],
    [chat, 2, 2, 2, chat, [chat, messages, responses]],
    [chat, undefined, 0, 0, messages, [messages]],
    [messages, 0, 0, 0, messages, [messages]],
    [messages, 0, 1, 0, chat, [messages, chat]],
    [messages, 1, 1, 1, messages, [messages, chat, responses]],
    [messages, 2, 3, 2, chat, [messages, chat, responses]],
    [messages, 0, undefined, 0, chat, [chat]],
    [messages, 1, undefined, 0, responses, [chat, responses]],
    [messages, 1, undefined, 1, chat, [chat, responses]],
    [responses, 0, undefined, undefined, chat, [chat]],
    [responses, 0, 0, 0, responses, [responses]],
    [responses, 9, undefined, undefined, chat, [chat]],
    [responses, undefined, 4, 3, responses, [responses, messages]],
  ] as const)('%s, losing %s %s %s, goes by %s', (cameBy, byChat, byMessages, byResponses, chosen, encodedBy) => {
    const encoded: Protocol[] = [];
    const counts = [[chat, byChat], [messages, byMessages], [responses, byResponses]] as const;
    const spoken = counts.flatMap(([protocol, count]) => (count === undefined ? [] : [losing(protocol, count, encoded)]));
    const { protocol } = chooseProtocol(callBy(cameBy), spoken as [WireProtocol, ...WireProtocol[]]);
    expect(protocol.protocol).toBe(chosen);
    expect(encoded).toEqual(encodedBy);
  });

  it.each([chat, messages, responses] as const)('a conversation to be held goes where it can be, though it came by %s and loses', (cameBy) => {
    const encoded: Protocol[] = [];
    const { protocol } = chooseProtocol(callBy(cameBy, { contextCache: { held: [] } }), [losing(chat, 0, encoded), losing(responses, 3, encoded, true)]);
    expect([protocol.protocol, encoded]).toEqual([responses, [responses]]);
  });

  it('one to be held goes as any other where none can be', () => {
    const { protocol } = chooseProtocol(callBy(chat, { contextCache: { held: [] } }), [losing(chat, 0, []), losing(responses, 0, [])]);
    expect(protocol.protocol).toBe(chat);
  });

  it('what cannot be said at all was not sent', () => {
    const unsayable: WireProtocol = { ...losing(chat, 0, []), encode: () => { throw new Fault('invalid_request'); } };
    expect(() => chooseProtocol(callBy(chat), [unsayable])).toThrow(expect.objectContaining({ name: AttemptFailure.name, stage: 'not-sent' }));
  });
});
