import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from './doubles/manual-clock.ts';
import type { LogFacts } from '../src/base/log.ts';
import type { FeedName } from '../src/catalog/exchange-rate-feed.ts';
import type { ExchangeRate } from '../src/catalog/exchange-rate.ts';
import { ExchangeRates } from '../src/catalog/exchange-rates.ts';
import { RateFeed } from '../src/rate-feed.ts';

const hourMs = 3_600_000;
const ecb = (usd: string, day = '2026-10-30'): string => `<?xml version="1.0"?><gesmes:Envelope><Cube><Cube time='${day}'><Cube currency='USD' rate='${usd}'/></Cube></Cube></gesmes:Envelope>`;

let server: Server;
let base: string;
let answer: RequestListener;
let asked: string[];
let clock: ManualClock;
let exchange: ExchangeRates;
let table: ExchangeRate[];
let reads: number;
let logged: [string, LogFacts | undefined][];
let feed: RateFeed | undefined;

beforeEach(async () => {
  asked = [];
  table = [];
  reads = 0;
  logged = [];
  feed = undefined;
  answer = (_request, response) => response.end(ecb('1.25'));
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  clock = new ManualClock(Date.parse('2026-11-01T12:00:00Z'));
  exchange = new ExchangeRates({ staleDays: 7, staleRates: 'flag' });
});

afterEach(async () => {
  await feed?.[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

function open(name: FeedName | undefined): RateFeed {
  const log = { write: (_level: string, message: string, facts?: LogFacts) => void logged.push([message, facts]), writes: () => true, flush: () => {} };
  const store = {
    count: () => Promise.resolve(table.length),
    rows: () => {
      reads += 1;
      return Promise.resolve([...table]);
    },
    add: (rows: readonly ExchangeRate[]) => {
      table.push(...rows);
      return Promise.resolve({ stored: rows.length, known: 0 });
    },
  };
  return (feed = new RateFeed({ feed: name, exchange, store, clock, log, base }));
}

const usd = (): bigint | undefined => exchange.convert(100n, 'EUR', 'USD', clock.nowMs())?.amountNanos;

describe('RateFeed', () => {
  it('asks the feed at the start and every few hours', async () => {
    open('ecb').start();
    await vi.waitFor(() => expect(usd()).toBe(125n));
    expect(asked).toEqual(['/stats/eurofxref/eurofxref-daily.xml']);
    answer = (_request, response) => response.end(ecb('1.5', '2026-11-01'));
    clock.advance(4 * hourMs);
    await vi.waitFor(() => expect(usd()).toBe(150n));
    expect(logged).toEqual([['exchange rates fetched', { upstream: 'ecb', count: 1 }], ['exchange rates fetched', { upstream: 'ecb', count: 1 }]]);
  });

  it('asks the Bank of Russia for the rates of the day', async () => {
    answer = (_request, response) => response.end('<ValCurs Date="01.11.2026"><Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>81,5</Value></Valute></ValCurs>');
    open('cbr').start();
    await vi.waitFor(() => expect(exchange.convert(2n, 'USD', 'RUB', clock.nowMs())?.amountNanos).toBe(163n));
    expect(asked).toEqual(['/scripts/XML_daily.asp?date_req=01/11/2026']);
  });

  it.each<[string, RequestListener, string]>([
    ['an error', (_request, response) => void response.writeHead(500).end(ecb('9')), 'upstream_failed'],
    ['a redirect', (_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(), 'upstream_failed'],
    ['a page', (_request, response) => void response.end('<html></html>'), 'upstream_invalid_reply'],
    ['a flood', (_request, response) => void response.end('x'.repeat(2 * 1024 * 1024)), 'upstream_invalid_reply'],
    ['a closed door', (request) => void request.socket.destroy(), 'upstream_unreachable'],
  ])('keeps what it knows when it meets %s, and asks again soon', async (_what, failing, code) => {
    open('ecb').start();
    await vi.waitFor(() => expect(usd()).toBe(125n));
    const good = answer;
    answer = failing;
    clock.advance(4 * hourMs);
    await vi.waitFor(() => expect(logged.at(-1)).toEqual(['exchange rates could not be fetched; the last ones stay in force', { upstream: 'ecb', faultCode: code }]));
    expect(usd()).toBe(125n);
    answer = good;
    table = [];
    clock.advance(15 * 60_000);
    await vi.waitFor(() => expect(asked).toHaveLength(3));
    await vi.waitFor(() => expect(logged.at(-1)?.[0]).toBe('exchange rates fetched'));
  });

  it('does not wait for ever', async () => {
    answer = () => undefined;
    open('ecb').start();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    clock.advance(20_000);
    await vi.waitFor(() => expect(logged).toEqual([[expect.stringContaining('could not be fetched'), { upstream: 'ecb', faultCode: 'upstream_timeout' }]]));
  });

  it('closes in the middle of a question, and says nothing more', async () => {
    answer = () => undefined;
    const opened = open('ecb');
    opened.start();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await opened[Symbol.asyncDispose]();
    clock.advance(100 * hourMs);
    expect([asked.length, logged.length]).toEqual([1, 0]);
  });

  it('asks nobody while no feed is switched on, but takes up what another replica has stored', async () => {
    open(undefined).start();
    table.push({ from: 'EUR', to: 'USD', rate: '1.1', validFrom: '2026-10-30', source: 'import' });
    await vi.waitFor(() => {
      clock.advance(60_000);
      expect(usd()).toBe(110n);
    });
    clock.advance(60_000);
    expect([reads, asked.length]).toEqual([1, 0]);
  });

  it('keeps what it knows when the database fails', async () => {
    const opened = open(undefined);
    table.push({ from: 'EUR', to: 'USD', rate: '1.1', validFrom: '2026-10-30', source: 'import' });
    await opened.reload();
    opened.start();
    table = new Proxy(table, { get: () => { throw new Error('gone'); } });
    clock.advance(60_000);
    await vi.waitFor(() => expect(logged).toEqual([['exchange rates could not be read from the database', { faultCode: 'internal' }]]));
    expect(usd()).toBe(110n);
  });
});
