import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { Fault } from '../../../base/fault.ts';
import type { ResponseEvent } from '../../../threads/response-event-store.ts';
import { type Following, followResponse } from './response-follower.ts';

/** What is kept of one response: batches of events. */
class KeptEvents {
  batches: ResponseEvent[][] = [];
  deleted = false;
  reads = 0;
  /** Runs once, after the next read has its rows. */
  afterRead: (() => void) | undefined;
  failing: Error | undefined;

  add(...types: readonly string[]): void {
    const first = this.batches.flat().length;
    this.batches.push(types.map((type, index) => ({ sequenceNumber: first + index, event: { type, sequence_number: first + index } })));
  }

  async read(_scope: unknown, _id: string, startingAfter: number, batchesMax = 100): Promise<readonly ResponseEvent[]> {
    this.reads += 1;
    if (this.failing !== undefined) throw this.failing;
    const found = this.deleted ? [] : this.batches.filter((batch) => (batch.at(-1)?.sequenceNumber ?? -1) > startingAfter).slice(0, batchesMax);
    this.afterRead?.();
    this.afterRead = undefined;
    return found.flat().filter(({ sequenceNumber }) => sequenceNumber > startingAfter);
  }

  async lastSequence(): Promise<number | undefined> {
    return this.deleted ? undefined : this.batches.flat().at(-1)?.sequenceNumber;
  }
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Followed {
  readonly kept: KeptEvents;
  readonly response: IncomingMessage;
  readonly raw: ServerResponse;
  readonly logged: string[];
  beat(): void;
  /** All of the stream, or what came until it was cut. */
  text(): Promise<string>;
}

/** Follows over a real connection; `following`: as far as it differs from a response under way that is followed from its start. */
async function follow(kept: KeptEvents, following: Partial<Following> = {}): Promise<Followed> {
  const listeners = new Set<() => void>();
  const logged: string[] = [];
  let raw: ServerResponse | undefined;
  const server = createServer((_request, response) => {
    raw = response;
    const reply = { raw: response, request: { id: 'req_1' }, hijack: () => undefined };
    const log = { write: (_level: string, text: string) => void logged.push(text) };
    const deps = { events: kept, clock: systemClock, timing: { keepAliveMs: 60_000 }, log };
    followResponse(reply, deps, {
      onKept: (_id, listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    }, { scope: { tenantId: 'ten_1', mode: 'live' }, response: { id: 'resp_1', generationId: 'gen_1' }, startingAfter: -1, ...following })
      .catch((thrown: unknown) => response.writeHead(thrown instanceof Fault ? thrown.status : 500).end(String(thrown)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (raw === undefined) throw new Error('a response has a request');
  return {
    kept, response, raw, logged,
    beat: () => {
      for (const listener of listeners) listener();
    },
    async text() {
      let all = '';
      try {
        for await (const part of response.setEncoding('utf8')) all += part as string;
      } catch {
        return `${all}(cut)`;
      }
      return all;
    },
  };
}

const typesOf = (text: string): string[] => [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type ?? '');

describe('followResponse', () => {
  it('tells the end of a response that ends between two looks', async () => {
    const kept = new KeptEvents();
    kept.add('response.created');
    const followed = await follow(kept);
    kept.afterRead = () => kept.add('response.completed');
    const text = await followed.text();
    expect(typesOf(text)).toEqual(['response.created', 'response.completed']);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('reads a long stream page by page without waiting in between', async () => {
    const kept = new KeptEvents();
    for (let batch = 0; batch < 1_050; batch += 1) kept.add('delta');
    kept.add('response.completed');
    const begunMs = performance.now();
    const types = typesOf(await (await follow(kept)).text());
    expect(types).toHaveLength(1_051);
    expect(performance.now() - begunMs).toBeLessThan(450);
    expect(kept.reads).toBe(11);
  });

  it('reads no further than a slow client does, whatever is kept meanwhile', async () => {
    const kept = new KeptEvents();
    const wide = `delta ${'x'.repeat(10_000)}`;
    for (let batch = 0; batch < 3_000; batch += 1) kept.add(wide);
    const followed = await follow(kept);
    followed.response.pause();
    for (let beat = 0; beat < 40; beat += 1) {
      followed.beat();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // What the kernel and Node take is some megabytes; the stream has sixty.
    expect(kept.reads).toBeLessThan(10);
    expect(followed.raw.writableLength).toBeLessThan(8_000_000);
    kept.add('response.completed');
    const types = typesOf(await followed.text());
    expect(types).toHaveLength(3_001);
  });

  it('says that the response was deleted', async () => {
    const kept = new KeptEvents();
    kept.add('response.created', 'response.queued');
    const followed = await follow(kept);
    kept.deleted = true;
    followed.beat();
    const text = await followed.text();
    expect(text).toContain('event: error\ndata: {"type":"error","sequence_number":2,"code":"not_found"');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('cuts the stream when the events cannot be read, and does not say that it is over', async () => {
    const kept = new KeptEvents();
    kept.add('response.created');
    const followed = await follow(kept);
    kept.failing = new Error('gone');
    followed.beat();
    const text = await followed.text();
    expect(text).toMatch(/\(cut\)$/);
    expect(text).not.toContain('[DONE]');
    expect(followed.logged).toHaveLength(1);
  });

  it('stops reading when the client leaves', async () => {
    const kept = new KeptEvents();
    kept.add('response.created');
    const followed = await follow(kept);
    followed.response.destroy();
    await once(followed.raw, 'close');
    const { reads } = kept;
    kept.add('delta');
    followed.beat();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(kept.reads - reads).toBeLessThanOrEqual(1);
  });

  it('refuses a place that the stream has not reached, and a stream that is not kept any more', async () => {
    const kept = new KeptEvents();
    kept.add('response.created');
    expect(await (await follow(kept, { startingAfter: 1 })).text()).toContain('the last event of response');
    kept.deleted = true;
    expect(await (await follow(kept)).text()).toContain('not kept any more');
  });
});
