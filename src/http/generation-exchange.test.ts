import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { Fault } from '../base/fault.ts';
import { openLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { answerGeneration, type GenerationDeps } from './generation-exchange.ts';
import { OpenExchanges } from './open-exchanges.ts';
import { buildServer } from './server.ts';

it.each([true, false])('a client that has left before it is known what to ask is not asked for (streamed: %j)', async (stream) => {
  const [clock, log] = [new ManualClock(), openLog('silent')];
  const wasGone = Promise.withResolvers<boolean>();
  const deps: GenerationDeps = {
    gateway: {
      generate: (_caller, _request, _options, _sink, signal) => {
        wasGone.resolve(signal.aborted);
        return Promise.reject(new Fault('caller_gone'));
      },
    },
    idempotency: { once: (_request, _reply, _generationId, answer) => answer } as GenerationDeps['idempotency'],
    exchanges: new OpenExchanges(), clock, random: systemRandom, log, timing: { keepAliveMs: 1_000 },
  };
  const arrived = Promise.withResolvers<void>();
  const app = buildServer({ bodyBytesMax: 1_000, clock, random: systemRandom, log, stallMs: 30_000 });
  app.post('/x', async (request, reply) => {
    request.caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live' };
    arrived.resolve();
    // What some surfaces read of the database before they know what to ask for.
    await once(reply.raw, 'close');
    return answerGeneration(request, reply, deps, {
      surface: '/x',
      request: { protocol: 'openai-chat', model: 'm', messages: [], sampling: {}, stream },
      writer: { encode: () => '', finish: () => '', fail: () => '', whole: () => ({}) },
    });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  client.write('POST /x HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}');
  await arrived.promise;
  client.destroy();
  expect(await wasGone.promise).toBe(true);
  await app.close();
});
