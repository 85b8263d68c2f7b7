import type { Protocol } from '../../src/dialogue/protocol.ts';
import { ModelDouble } from '../doubles/model-double/model-double.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

export const protocols = ['openai-chat', 'anthropic-messages', 'openai-responses'] as const satisfies readonly Protocol[];

/** The model that an upstream serves which speaks only that protocol. */
export const modelOver: Readonly<Record<Protocol, string>> = { 'openai-chat': 'over-chat', 'anthropic-messages': 'over-messages', 'openai-responses': 'over-responses' };

export interface OverDoubles extends AsyncDisposable {
  readonly server: RunningServer;
  readonly double: ModelDouble;
}

/**
 * The real server over three upstreams of Moonshot's kind, each of which speaks one protocol and serves one model that always thinks. All
 * three are one double.
 */
export async function startOverDoubles(environment: Readonly<Record<string, string>> = {}): Promise<OverDoubles> {
  const double = await ModelDouble.start();
  const bases: Readonly<Record<Protocol, string>> = {
    'openai-chat': '',
    'anthropic-messages': `, messagesBaseUrl: '${double.origin}'`,
    'openai-responses': `, responsesBaseUrl: '${double.origin}/v1'`,
  };
  const upstreams = protocols.map((protocol) => `  - { id: ${modelOver[protocol]}, kind: moonshot, apiKey: '\${DOUBLE_KEY}', baseUrl: '${double.origin}/v1', protocols: [${protocol}]${bases[protocol]} }`);
  const models = protocols.map((protocol) => `    - { id: ${modelOver[protocol]}, contextTokens: 262144, inputModalities: [text, image], thinking: { kind: always, default: 'on', keep: true } }`);
  const offers = protocols.map((protocol) => `    - { upstream: ${modelOver[protocol]}, model: ${modelOver[protocol]}, prices: [{ validFrom: '2026-01-01', currency: USD, input: '1', output: '2' }] }`);
  const config = ['upstreams:', ...upstreams, 'catalog:', '  models:', ...models, '  offers:', ...offers, ''].join('\n');
  try {
    const server = await startServer({ config, environment: { DOUBLE_KEY: 'key-of-the-double', ...environment } });
    return {
      server,
      double,
      async [Symbol.asyncDispose]() {
        await server.stop();
        await double[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await double[Symbol.asyncDispose]();
    throw thrown;
  }
}
