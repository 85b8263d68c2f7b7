import { afterEach, describe, expect, it } from 'vitest';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { BpeTables } from './bpe.ts';
import { CountingWorker } from './counting-worker.ts';
import { countPrompt } from './prompt-count.ts';
import { TokenCounter } from './token-counter.ts';
import { toyBpe } from './toy-vocabulary.ts';

/** Where K2's own file is; undefined where it is not. */
const realTokenizerPath: string | undefined = process.env['MOONGATE_TOKENIZER'];

const bpe = toyBpe();
const opened: AsyncDisposable[] = [];

function open<T extends AsyncDisposable>(owner: T): T {
  opened.push(owner);
  return owner;
}

afterEach(async () => {
  for (const owner of opened.splice(0)) await owner[Symbol.asyncDispose]();
});

function ask(content: string): DialogueRequest {
  return { protocol: 'openai-chat', model: 'kimi-k2.5', messages: [{ role: 'user', content }], sampling: {}, stream: false };
}

const longText = 'the count of 我们 \u{1f600}! '.repeat(5000);

describe('TokenCounter', () => {
  it('without a tokenizer answers the upper bound and says so', async () => {
    const counter = open(await TokenCounter.create());
    expect(counter.exact).toBe(false);
    expect(await counter.countText('привет')).toEqual({ tokens: 12, exact: false });
    const request = ask('hello');
    expect(await counter.countRequest(request, 'kimi-k2.5')).toEqual({ tokens: counter.upperBound(request), exact: false });
  });

  it('counts short texts on the spot and long ones on its thread, to the same numbers', async () => {
    const counter = open(TokenCounter.of(bpe));
    for (const text of ['', 'the count', longText, longText.toUpperCase()]) {
      expect(await counter.countText(text)).toEqual({ tokens: bpe.count(text), exact: true });
      expect(await counter.countRequest(ask(text), 'kimi-k2.5')).toEqual(countPrompt(ask(text), 'kimi-k2.5', bpe));
    }
  });

  it('answers many long texts at once, each with its own count', async () => {
    const counter = open(TokenCounter.of(bpe));
    const texts = Array.from({ length: 12 }, (_, i) => longText.slice(i * 1000));
    const counts = await Promise.all(texts.map((text) => counter.countText(text)));
    expect(counts.map((it) => it.tokens)).toEqual(texts.map((text) => bpe.count(text)));
  });

  it('falls back to the bound when it is disposed of', async () => {
    const counter = TokenCounter.of(bpe);
    const waiting = counter.countText(longText);
    await counter[Symbol.asyncDispose]();
    const bound = { tokens: Buffer.byteLength(longText), exact: false };
    expect(await waiting).toEqual(bound);
    expect(await counter.countText(longText)).toEqual(bound);
  });

  it('guesses the tokens of a reply', () => {
    const counter = TokenCounter.of(bpe);
    expect(counter.estimateText('')).toBe(0);
    expect(counter.estimateText('a')).toBe(1);
    expect(counter.estimateText('four letters and blanks!')).toBe(6);
    expect(counter.estimateText('月亮之门')).toBe(3);
  });

  it('refuses a path that leads nowhere', async () => {
    await expect(TokenCounter.create({ tokenizerPath: '/nowhere/tiktoken.model' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it.skipIf(realTokenizerPath === undefined)(`counts a megabyte without holding up the loop (needs K2's file: set MOONGATE_TOKENIZER)`, async () => {
    const counter = open(await TokenCounter.create(realTokenizerPath === undefined ? {} : { tokenizerPath: realTokenizerPath }));
    expect(counter.exact).toBe(true);
    let turns = 0;
    const turn = setInterval(() => turns++, 5);
    expect(await counter.countText('a'.repeat(1_000_000))).toEqual({ tokens: 125_000, exact: true });
    clearInterval(turn);
    expect(turns).toBeGreaterThan(5);
  });
});

describe('CountingWorker', () => {
  it('declines what would make it hold too much text', async () => {
    const worker = open(new CountingWorker(bpe.tables, 1000));
    const first = worker.count({ text: 'a'.repeat(600), marks: [] });
    expect(await worker.count('a'.repeat(600))).toBeUndefined();
    expect(await first).toBe(bpe.count('a'.repeat(600)));
    expect(await worker.count('the')).toBe(bpe.count('the'));
  });

  it('tells those who wait when its thread cannot run', async () => {
    const noTables: BpeTables = JSON.parse('{}');
    const worker = open(new CountingWorker(noTables));
    expect(await Promise.all([worker.count('the'), worker.count(longText)])).toEqual([undefined, undefined]);
  });
});
