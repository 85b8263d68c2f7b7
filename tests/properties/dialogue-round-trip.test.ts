import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { Sealer } from '../../src/base/sealer.ts';
import type { Content, Message } from '../../src/dialogue/message.ts';
import type { DialogueRequest } from '../../src/dialogue/request.ts';
import { TenantThinkingSeals } from '../../src/fidelity/tenant-thinking-seals.ts';
import type { DialectName } from '../../src/upstreams/dialect.ts';
import { decoded, encoded, protocols } from './codec-pairs.ts';
import { commonRequests, richRequests } from './conversations.ts';

const seals = new TenantThinkingSeals(new Sealer(Buffer.alloc(32, 1), systemRandom), 'ten_1');
const pairs = protocols.flatMap((first) => protocols.map((second) => [first, second] as const));

describe('a conversation that every protocol can tell', () => {
  it.each(pairs)('keeps its meaning from %s to %s and back, and nothing is declared lost', (first, second) => {
    fc.assert(
      fc.property(commonRequests, (request) => {
        let arrived: DialogueRequest = request;
        for (const protocol of [first, second, first]) {
          const { body, losses } = encoded(protocol, arrived);
          expect(losses).toEqual([]);
          arrived = decoded(protocol, body, seals);
        }
        expect(meaning(arrived)).toEqual(meaning(request));
      }),
      { numRuns: 120 },
    );
  });
});

/** What a request means, whatever it came by: texts alone in one spelling, no word where the word is the default. */
function meaning(request: DialogueRequest): DialogueRequest {
  const { toolChoice, parallelToolCalls, messages, ...rest } = request;
  return {
    ...rest,
    protocol: 'openai-chat',
    messages: messages.map(messageMeaning),
    ...(toolChoice === undefined || toolChoice.type === 'auto' ? {} : { toolChoice }),
    ...(parallelToolCalls === undefined ? {} : { parallelToolCalls }),
  };
}

function messageMeaning(message: Message): Message {
  const content = message.content === undefined || message.content === null ? {} : { content: textOrParts(message.content) };
  if (message.role !== 'assistant') return { ...message, ...content };
  const { content: _content, toolCalls, ...rest } = message;
  return {
    ...rest,
    ...content,
    ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map((call) => ({ ...call, argumentsText: JSON.stringify(JSON.parse(call.argumentsText)) })) }),
  };
}

function textOrParts(content: Content): Content {
  if (content === null || typeof content === 'string') return content;
  const [only] = content;
  if (content.length === 1 && only?.type === 'text') return only.text;
  return content.map((part) => (part.type === 'image' && part.detail === 'auto' ? { type: part.type, url: part.url } : part));
}

const vendors: fc.Arbitrary<DialectName | undefined> = fc.constantFrom(undefined, 'moonshot', 'kimi-coding', 'ark', 'cometapi', 'routerai', 'openrouter', 'vllm', 'sglang', 'llamacpp', 'openai');

describe('whatever a request says', () => {
  it.each(protocols)('arrives by %s, or is declared lost', (protocol) => {
    fc.assert(
      fc.property(richRequests, vendors, ({ request, facts }, vendor) => {
        const { body, losses } = encoded(protocol, request, vendor);
        const sent = JSON.stringify(body);
        const silent = facts.filter(({ token, declared }) => isToken(token) && !sent.includes(token) && !losses.some(({ field }) => declared.test(field)));
        expect(silent).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it.each(protocols)('is understood by %s where it is taken', (protocol) => {
    fc.assert(
      fc.property(richRequests, ({ request, facts }) => {
        const { body, losses } = encoded(protocol, request);
        const arrived = JSON.stringify(decoded(protocol, body, seals));
        const silent = facts.filter(({ token, declared }) => !arrived.includes(token) && !losses.some(({ field }) => declared.test(field)));
        expect(silent).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('losses hold no word of the conversation', () => {
    fc.assert(
      fc.property(richRequests, fc.constantFrom(...protocols), vendors, ({ request, facts }, protocol, vendor) => {
        const told = JSON.stringify(encoded(protocol, request, vendor).losses);
        for (const { token } of facts) expect(isToken(token) && told.includes(token)).toBe(false);
      }),
    );
  });
});

/** A text of the request itself, which no protocol spells in another way. */
function isToken(token: string): boolean {
  return token.startsWith('tok');
}
