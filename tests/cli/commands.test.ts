import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../cli/run.ts';
import { TerminalDouble } from '../../cli/terminal-double.ts';
import { Fault } from '../../src/base/fault.ts';
import type { GenerationRecord } from '../../src/records/generation-record.ts';
import { type AdminServer, startAdminServer } from '../doubles/admin-server.ts';
import { type CommandOutcome, runMoongate } from '../doubles/moongate-command.ts';

let server: AdminServer;

beforeAll(async () => {
  server = await startAdminServer();
});

afterAll(() => server[Symbol.asyncDispose]());

function moongate(argv: readonly string[], env: Record<string, string> = {}): Promise<CommandOutcome> {
  return runMoongate(server.folder, argv, env);
}

async function json(argv: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await moongate([...argv, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('moongate keys', () => {
  it('creates, lists, shows and revokes', async () => {
    const created = await moongate(['keys', 'create', '--label', 'Küche', '--test', '--expires', '90d', '--models', 'kimi-k2, moonshotai/kimi-k2-thinking']);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const secret = /^sk-test-\w{59}$/m.exec(created.stdout)?.[0];
    expect(secret).toBeDefined();
    expect(created.stdout).toContain('not shown again');
    const id = /^id +(key_\w+)$/m.exec(created.stdout)?.[1] ?? '';
    expect(created.stdout).toMatch(/^expires +2026-08-30T00:00:00\.000Z$/m);

    const listed = await moongate(['keys', 'list']);
    expect(listed.stdout).toMatch(new RegExp(`^${id} +sk-test-.{4}… +default +Küche +test +active +kimi-k2, kimi-k2-thinking +\\d{4}-\\d\\d-\\d\\d +2026-08-30$`, 'm'));
    expect(listed.stdout).not.toContain(secret?.slice(20));
    expect((await moongate(['keys', 'show', id])).stdout).toMatch(/^state +active$/m);
    expect(await json(['keys', 'show', id])).toMatchObject({ key: { id, label: 'Küche', mode: 'test', state: 'active', models: ['kimi-k2', 'kimi-k2-thinking'] } });
    expect((await moongate(['keys', 'revoke', id])).stdout).toMatch(/^revoked\n[^]*^state +revoked$/m);
    expect(await json(['keys', 'list'])).toMatchObject({ keys: [{ id, state: 'revoked' }] });
  });

  it('makes a key that never ends and may use all models, when nothing is said', async () => {
    expect(await json(['keys', 'create'])).toMatchObject({ key: { mode: 'live', label: null, models: null, expiresAt: null }, secret: expect.stringMatching(/^sk-\w{59}$/) });
    expect(await json(['keys', 'create', '--expires', 'never'])).toMatchObject({ key: { expiresAt: null } });
  });

  it("passes the server's refusals on, with the field", async () => {
    const argv = ['keys', 'create', '--models', 'kimi-k22'];
    expect(await moongate(argv)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^moongate: .*no model "kimi-k22"\n$/) });
    const { code, stdout } = await moongate([...argv, '--json']);
    expect([code, JSON.parse(stdout)]).toEqual([1, { error: { code: 'invalid_request', message: expect.any(String), field: 'models.0' } }]);
    expect(await moongate(['keys', 'show', 'key_none'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no key') });
  });

  it('shows no control characters of a label', async () => {
    const { stdout, code } = await moongate(['keys', 'create', '--label', 'x\u202e\u200bred']);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/\p{Cf}/u);
  });
});

describe('finding the server', () => {
  it('works from anywhere, by flags or by environment', async () => {
    const { url, adminToken } = server;
    const elsewhere = new TerminalDouble('/', {});
    expect(await run(['info', '--url', url, '--admin-token', adminToken, '--json'], elsewhere)).toBe(0);
    const byEnv = new TerminalDouble('/', { MOONGATE_URL: url, MOONGATE_ADMIN_TOKEN: adminToken });
    expect(await run(['info', '--json'], byEnv)).toBe(0);
    expect(byEnv.stdout).toBe(elsewhere.stdout);
    expect(await run(['info', '--data-dir', `${server.folder}/data`], new TerminalDouble('/'))).toBe(0);
  });

  it('says what to do about a wrong token, and quotes none', async () => {
    const wrong = await moongate(['info', '--admin-token', 'mgadm-wrong-token']);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toContain('not the admin token');
    expect(wrong.stderr).toContain('MOONGATE_ADMIN_TOKEN');
    expect(wrong.stderr).not.toContain('wrong-token');
    const apiKey = await moongate(['info'], { MOONGATE_ADMIN_TOKEN: 'sk-some-api-key' });
    expect(apiKey.stderr).toContain('admin token');
    expect(apiKey.stderr).not.toContain('some-api-key');
  });

  it('says how to start a server where none listens', async () => {
    const { code, stderr } = await moongate(['info', '--url', 'http://127.0.0.1:9']);
    expect(code).toBe(1);
    expect(stderr).toContain('npm start');
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });
});

it('moongate info tells what runs', async () => {
  const { stdout } = await moongate(['info']);
  expect(stdout).toMatch(/^version +1\.2\.3$/m);
  expect(stdout).toMatch(/^token counts +estimated/m);
  expect(stdout).toMatch(/^moonshot +resting +https:\/\/api\.moonshot\.ai\/v1$/m);
  expect(await json(['info'])).toMatchObject({ address: server.url, upstreams: [{ id: 'moonshot' }, { id: 'sandbox' }] });
});

const record: GenerationRecord = {
  id: 'gen_1', tenantId: 'ten_1', keyId: 'key_b', mode: 'live', surface: '/v1/chat/completions', requestedModel: 'kimi-k2', modelId: 'kimi-k2',
  streamed: false, state: 'complete', cancelled: false, attempts: 1, costState: 'priced', costNanos: 1_230_000n, currency: 'USD', priceId: 'p/1', chargeNanos: 1_500_000n, chargeCurrency: 'USD',
  usage: { inputUncached: 1000, cacheRead: 500, cacheWrite: 0, output: 70, estimated: false }, upstreamId: 'moonshot', finishReason: 'stop',
  startedMs: Date.parse('2026-01-15T10:20:30Z'), firstEventAfterMs: 0.5, durationMs: 1234.5,
};
const { chargeNanos: _charge, chargeCurrency: _chargeCurrency, ...uncharged } = record;
const { costNanos: _cost, currency: _currency, priceId: _price, ...costless } = uncharged;
const { usage: _usage, upstreamId: _upstream, ...unreached } = costless;

/** The lines of a table, with a bar between cells. */
function cells(table: string): string[] {
  return table.trimEnd().split('\n').map((line) => line.replace(/ {2,}/g, '|'));
}

describe('moongate usage and generations', () => {
  it('say so when there is nothing', async () => {
    expect((await moongate(['usage'])).stdout).toBe('nothing was used in that time\n');
    expect((await moongate(['generations'])).stdout).toBe('no such calls\n');
    expect(await json(['usage'])).toMatchObject({ rows: [], total: { generations: 0 } });
  });

  it('count, and mark what is free, unpriced or estimated', async () => {
    const { key } = await server.keys.create({ tenantId: server.tenantId, mode: 'test', label: 'ci' });
    await server.store(
      record,
      { ...record, id: 'gen_2', usage: { inputUncached: 100, cacheRead: 0, cacheWrite: 0, output: 1, estimated: true } },
      { ...record, id: 'gen_3', costNanos: 5_000_000_000n, currency: 'CNY', chargeNanos: 6_000_000_000n, chargeCurrency: 'CNY', cacheSavedNanos: 250_000_000n, lossNanos: 1_000_000n, flags: ['rejected'] },
      { ...uncharged, id: 'gen_4', keyId: key.id, mode: 'test', costState: 'free', upstreamId: 'sandbox', usage: { inputUncached: 10, cacheRead: 0, cacheWrite: 0, output: 5, estimated: false } },
      { ...costless, id: 'gen_5', modelId: 'kimi-private', costState: 'unpriced', usage: { inputUncached: 3, cacheRead: 0, cacheWrite: 0, output: 1, estimated: false } },
      { ...unreached, id: 'gen_6', modelId: 'kimi-gone', costState: 'none', state: 'failed', faultCode: 'no_upstream', attempts: 0 },
    );
    expect(cells((await moongate(['usage'])).stdout)).toEqual([
      'KEY|MODEL|CALLS|FAILED|PROMPT|CACHED|OUTPUT|CHARGED|SAVED|COST|MARGIN',
      'key_b|kimi-k2|3|0|~3,100|1,000|~141|6 CNY + 0.003 USD|0.25 CNY|5 CNY + 0.00246 USD|1 CNY + 0.00054 USD',
      'ci (test)|kimi-k2|1|0|10|0|5|free (sandbox), list price 0.00123 USD|-|-|-',
      'key_b|kimi-private|1|0|3|0|1|1 unpriced (!)|-|-|-',
      'key_b|kimi-gone|1|1|0|0|0|-|-|-|-',
      'TOTAL|6|1|~3,113|1,000|~147|6 CNY + 0.003 USD + 1 free (sandbox), list price 0.00123 USD + 1 unpriced (!)|0.25 CNY|5 CNY + 0.00246 USD|1 CNY + 0.00054 USD',
      '',
      'FAILED: 1 delivered nothing, 0 were cut; see moongate generations',
      'calls with something remarkable: 1; see FLAGS of moongate generations',
      '~|calls with estimated tokens: 1 (their upstream sent no usable count)',
      '!|calls of unknown cost: 1 (their model has no price; they are in no sum)',
      'beyond reservations, charged to nobody: 0.001 CNY',
    ]);
    expect((await moongate(['usage', '--by', 'upstream'])).stdout).toMatch(/^\(none reached\) +1 /m);
    expect(cells((await moongate(['usage', '--by', 'day'])).stdout)[1]).toMatch(/^2026-01-15\|6\|/);
    expect(cells((await moongate(['usage', '--by', 'day-model'])).stdout)[1]).toMatch(/^2026-01-15\|kimi-k2\|4\|/);
    expect(cells((await moongate(['usage', '--by', 'tenant'])).stdout)[1]).toMatch(/^ten_1\|6\|/);
    expect((await moongate(['usage', '--by', 'key'])).stdout).toMatch(/^KEY +CALLS[^]*^key_b +5 /m);
    expect((await moongate(['usage', '--from', '2026-01-16'])).stdout).toBe('nothing was used in that time\n');
    expect(await json(['usage', '--from', '2026-01-15', '--to', '2026-01-16', '--by', 'model'])).toMatchObject({ by: 'model', total: { generations: 6 } });
    expect(await moongate(['usage', '--from', 'soon'])).toMatchObject({ code: 1, stderr: expect.stringContaining('expected a date') });
  });

  it('list the newest calls', async () => {
    const { stdout } = await moongate(['generations', '--limit', '3']);
    expect(cells(stdout)).toEqual([
      'STARTED|ID|MODEL|UPSTREAM|STATE|PROMPT|OUTPUT|MS|CHARGED|COST|FLAGS',
      '2026-01-15 10:20:30|gen_6|kimi-gone|-|failed (no_upstream)|-|-|1,235|-|-|-',
      '2026-01-15 10:20:30|gen_5|kimi-private|moonshot|complete|3|1|1,235|-|unpriced (!)|-',
      '2026-01-15 10:20:30|gen_4|kimi-k2|sandbox|complete|10|5|1,235|-|free (sandbox), list price 0.00123 USD|-',
      '',
      'older ones: --before gen_4',
    ]);
    expect(await json(['generations', '--limit', '2', '--before', 'gen_3'])).toMatchObject({
      generations: [{ id: 'gen_2', tokens: { estimated: true } }, { id: 'gen_1', cost: { amount: '0.00123', currency: 'USD' } }],
    });
  });
});

describe('moongate usage --format', () => {
  it('writes lines for a spreadsheet, each currency in columns of its own, and runs nothing there', async () => {
    const { key } = await server.keys.create({ tenantId: server.tenantId, mode: 'live', label: '=HYPERLINK("http://x","y")' });
    await server.store({ ...record, id: 'gen_7', keyId: key.id, startedMs: Date.parse('2026-02-01T23:59:59.999Z'), chargeNanos: 230_000n });
    const argv = ['usage', '--from', '2026-02-01', '--by', 'key', '--format', 'csv'];
    const { stdout } = await moongate(argv);
    const [header = '', line = '', end] = stdout.split('\r\n');
    expect(header).toMatch(/^day,tenant,key,key_label,key_mode,model,upstream,calls,.*,charged_usd,cost_usd,margin_usd,cache_saved_usd,loss_usd,free_usd,storage_usd$/);
    expect(line).toMatch(new RegExp(`^,,${key.id},"'=HYPERLINK\\(""http://x"",""y""\\)",live,,,1,0,.*,0\\.00023,0\\.00123,-0\\.001,0,0,0,0$`));
    expect(end).toBe('');
    expect(await moongate([...argv, '--out', 'report.csv'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(join(server.folder, 'report.csv'), 'utf8')).toBe(stdout);
    expect(JSON.parse((await moongate(['usage', '--format', 'json'])).stdout)).toEqual(await json(['usage']));
    expect(await moongate([...argv, '--json'])).toMatchObject({ code: 2 });
    expect(await moongate([...argv, '--out', 'no/such/folder.csv'])).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be written (ENOENT)') });
  });

  it('tells what was kept in context caches, beside calls and without any', async () => {
    const piece = {
      fromMs: Date.parse('2025-04-01T00:00:00Z'), tenantId: 'ten_1', keyId: 'key_c', modelId: 'kimi-k2', upstreamId: 'keeper', tokenSeconds: 9_000_000, costState: 'priced',
      cost: { currency: 'CNY', amountNanos: 17_000_000n }, charge: { currency: 'CNY', amountNanos: 20_000_000n, lossNanos: 0n }, exchangeRate: undefined,
    } as const;
    await server.keep(piece);
    await server.keep({ ...piece, tokenSeconds: 3_600, costState: 'unpriced', cost: undefined, charge: undefined });
    const span = ['--from', '2025-04-01', '--to', '2025-04-02'];
    expect(cells((await moongate(['usage', ...span])).stdout)).toEqual([
      'KEY|MODEL|CALLS|FAILED|PROMPT|CACHED|OUTPUT|CHARGED|SAVED|COST|MARGIN',
      'key_c|kimi-k2|0|0|0|0|0|0.02 CNY|-|0.017 CNY|0.003 CNY',
      '',
      'kept in context caches: 2,501 token-hours; of CHARGED, 0.02 CNY is for that',
      '!|context caches of unknown cost: 1 token-hours (their price says nothing of storage; they are in no sum)',
    ]);
    expect(await json(['usage', ...span])).toMatchObject({ total: { generations: 0, storage: { tokenSeconds: 9_003_600, unpricedTokenSeconds: 3_600 }, costs: [{ charged: '0.02', storage: '0.02' }] } });
    const [header = '', line = ''] = (await moongate(['usage', ...span, '--format', 'csv'])).stdout.split('\r\n');
    expect(header).toMatch(/,web_searches,stored_token_seconds,unpriced_stored_token_seconds,charged_cny,.*,storage_cny$/);
    expect(line).toMatch(/,0,9003600,3600,0\.02,0\.017,0\.003,0,0,0,0\.02$/);
  });

  it('leaves a margin empty that cannot be told, and shows the question mark in the table', async () => {
    await server.store({ ...record, id: 'gen_8', startedMs: Date.parse('2026-03-01T00:00:00Z'), chargeNanos: 7_000_000n, chargeCurrency: 'RUB' });
    const { stdout } = await moongate(['usage', '--from', '2026-03-01', '--by', 'model', '--format', 'csv']);
    expect(stdout.split('\r\n')[0]).toMatch(/,charged_rub,cost_rub,margin_rub,.*,charged_usd,/);
    expect(stdout.split('\r\n')[1]).toMatch(/,0\.007,0,,0,0,0,0,0,0\.00123,,0,0,0,0$/);
    const table = cells((await moongate(['usage', '--from', '2026-03-01', '--by', 'model'])).stdout);
    expect(table[1]).toMatch(/\|0\.007 RUB\|-\|0\.00123 USD\|\? RUB$/);
    expect(table.at(-1)).toBe('?|no margin: a cost is unknown, or in another currency without an exchange rate');
  });
});

describe('moongate rates', () => {
  it('says so when there are none, imports a file, and lists what is in force', async () => {
    expect((await moongate(['rates', 'list'])).stdout).toMatch(/^no exchange rates; /);
    writeFileSync(join(server.folder, 'rates.csv'), 'from,to,rate,date\nUSD,EUR,0.92,2026-05-30\nUSD,EUR,0.9,2026-05-01\nUSD,CNY,7.11,2026-05-01\n');
    expect(await moongate(['rates', 'import', 'rates.csv'])).toEqual({ code: 0, stdout: '3 rates added\n', stderr: '' });
    expect(await json(['rates', 'import', 'rates.csv'])).toEqual({ stored: 0, known: 3 });
    expect((await moongate(['rates', 'list'])).stdout).toBe(
      [
        'FROM  TO     RATE  SINCE       SOURCE',
        'USD   EUR    0.92  2026-05-30  import',
        'USD   CNY  7.11 !  2026-05-01  import',
        '',
        '!  older than 7 days: 1; they are used and marked',
        'feed: off',
        '',
      ].join('\n'),
    );
    expect((await moongate(['rates', 'list', '--all'])).stdout).toMatch(/^USD +EUR +0\.9 +2026-05-01 +import +-$/m);
    expect(await json(['rates', 'list'])).toMatchObject({ feed: null, staleDays: 7, staleRates: 'flag', rates: [{ to: 'EUR', rate: '0.92', inForce: true, stale: false }, { to: 'CNY', stale: true }] });
    expect(await json(['rates', 'list', '--all'])).toMatchObject({ rates: [{}, {}, {}] });
  });

  it('takes nothing of a file with a mistake, and names the line', async () => {
    writeFileSync(join(server.folder, 'bad.csv'), 'from,to,rate,date\nUSD,PLN,4,2026-05-01\nUSD,RUB,0,2026-05-01\n');
    expect(await moongate(['rates', 'import', 'bad.csv'])).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining('line 3: rate: a rate of zero') });
    writeFileSync(join(server.folder, 'changed.csv'), 'from,to,rate,date\nUSD,EUR,0.5,2026-05-30\n');
    expect(JSON.parse((await moongate(['rates', 'import', 'changed.csv', '--json'])).stdout)).toMatchObject({ error: { code: 'conflict', field: 'csv' } });
    expect(await moongate(['rates', 'import', 'no-such.csv'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no-such.csv cannot be read') });
    expect(await json(['rates', 'list', '--all'])).toMatchObject({ rates: [{}, {}, {}] });
  });
});

describe('moongate prices list', () => {
  it('shows what every offer costs and what is asked for it', async () => {
    const { stdout } = await moongate(['prices', 'list']);
    expect(stdout).toMatch(/^kimi-k2-thinking +moonshot +0\.6 \/ 0\.15 \/ 2\.5 USD +0\.6 \/ 0\.15 \/ 2\.5 USD +- +2025-11-06$/m);
    expect(stdout).toMatch(/^kimi-k2-thinking +cometapi +1\.1 \/ - \/ 4\.4 USD/m);
    expect(stdout).toMatch(/^kimi-k3 +cometapi +unpriced \(!\) +unpriced \(!\) +- +-$/m);
    expect(stdout).toMatch(/^! {2}no price is known/m);
  });

  it('shows one model for one tenant, by the rule that holds for it', async () => {
    const argv = ['prices', 'list', '--model', 'moonshotai/Kimi-K2-Thinking', '--tenant', 'acme'];
    expect(await moongate(argv)).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no tenant "acme"') });
    await moongate(['tenants', 'create', 'acme']);
    expect((await moongate(argv)).stdout).toBe(
      [
        'MODEL             UPSTREAM  COST: INPUT / CACHED / OUTPUT  SELL: INPUT / CACHED / OUTPUT  RULE             SINCE',
        'kimi-k2-thinking  moonshot  0.6 / 0.15 / 2.5 USD           0.48 / 0.12 / 2 USD            partner (-20 %)  2025-11-06',
        'kimi-k2-thinking  cometapi  1.1 / - / 4.4 USD              0.48 / 0.12 / 2 USD            partner (-20 %)  2025-11-09',
        '',
      ].join('\n'),
    );
  });

  it('shows them in another currency, with the rate and its day', async () => {
    const { stdout } = await moongate(['prices', 'list', '--model', 'kimi-k2-thinking', '--currency', 'eur']);
    expect(stdout).toMatch(/moonshot +0\.552 \/ 0\.138 \/ 2\.3 EUR/);
    expect(stdout).toContain('\n1 USD = 0.92 EUR since 2026-05-30 (import)\n');
    expect(await json(['prices', 'list', '--model', 'kimi-k2-thinking', '--currency', 'CNY'])).toMatchObject({
      prices: [{ cost: { statedIn: 'USD', currency: 'CNY', input: '4.266', webSearch: '0.03555', cacheWrite: null, exchange: { rate: '7.11', validFrom: '2026-05-01', stale: true } } }, {}],
    });
    // No rate leads there: each in its own currency.
    expect(await json(['prices', 'list', '--model', 'kimi-k2-thinking', '--currency', 'PLN'])).toMatchObject({ prices: [{ cost: { currency: 'USD', exchange: null } }, {}] });
    expect(await moongate(['prices', 'list', '--currency', 'XXQ'])).toMatchObject({ code: 1, stderr: expect.stringContaining('"XXQ" is no currency') });
    expect(await moongate(['prices', 'list', '--model', 'kimi-k22'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no model "kimi-k22"') });
  });
});

describe('moongate reconcile', () => {
  it('takes in a file, and shows both sides with the drift', async () => {
    await server.store({ ...record, id: 'gen_9', upstreamId: 'ark', startedMs: Date.parse('2026-04-01T10:00:00Z'), costNanos: 2_000_000_000n });
    writeFileSync(join(server.folder, 'ark.csv'), 'day,amount,currency\n2026-04-01,2.1,USD\n2026-04-02,3,USD\n');
    expect(await moongate(['reconcile', 'import', '--upstream', 'ark', 'ark.csv'])).toEqual({ code: 0, stdout: '2 figures taken in; see moongate reconcile show\n', stderr: '' });
    expect(cells((await moongate(['reconcile', 'show', '--upstream', 'ark', '--from', '2026-04-01', '--to', '2026-05-01'])).stdout)).toEqual([
      'DAY|SOURCE|CURRENCY|OURS|THEIRS|DRIFT|%|NOTES',
      '2026-04-01|csv|USD|2|2.1|0.1|5',
      '2026-04-02|csv|USD|missing|3|-|-',
      'TOTAL of 1|csv|USD|2|2.1|0.1|5',
    ]);
    expect(await json(['reconcile', 'show', '--upstream', 'ark'])).toMatchObject({ upstream: 'ark', days: [{ drift: '0.1' }, { ours: null }] });
  });

  it('names the wrong lines of a file, the file that is not there, and the upstream that nobody knows', async () => {
    writeFileSync(join(server.folder, 'bad.csv'), 'day,amount,currency\n2026-04-03,9,USD\n2026-04-04,-3,USD\n');
    expect(await moongate(['reconcile', 'import', '--upstream', 'ark', 'bad.csv'])).toMatchObject({ code: 1, stderr: expect.stringContaining('line 3: expected an amount') });
    expect((await moongate(['reconcile', 'show', '--upstream', 'ark'])).stdout).not.toContain('2026-04-03');
    expect(await moongate(['reconcile', 'import', '--upstream', 'ark', 'none.csv'])).toMatchObject({ code: 1, stderr: expect.stringContaining('none.csv cannot be read; give the path of a CSV file with the header day,amount,currency') });
    expect(await moongate(['reconcile', 'show', '--upstream', 'akr'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no upstream "akr"') });
    expect(await moongate(['reconcile', 'show', '--upstream', 'openrouter'])).toMatchObject({ code: 0, stdout: 'nothing is recorded on either side in that time\n' });
  });

  it('asks an upstream for its balance, or for what calls cost', async () => {
    server.accounts.set('moonshot', { balance: { currency: 'USD', read: () => Promise.resolve(49_580_000_000n) } });
    expect((await moongate(['reconcile', 'fetch', '--upstream', 'moonshot'])).stdout).toBe('balance: 49.58 USD\nthe first reading; spending shows from the next one on\n');
    await server.store(
      { ...record, id: 'gen_10', upstreamId: 'openrouter', upstreamReplyId: 'r1', startedMs: Date.parse('2026-05-31T10:00:00Z') },
      { ...record, id: 'gen_11', upstreamId: 'openrouter', upstreamReplyId: 'r2', startedMs: Date.parse('2026-05-31T11:00:00Z') },
    );
    server.accounts.set('openrouter', { replies: { currency: 'USD', cost: (id) => Promise.resolve(id === 'r1' ? 1_000_000n : undefined) } });
    expect((await moongate(['reconcile', 'fetch', '--upstream', 'openrouter'])).stdout).toBe('2026-05-31: 0.001 USD\nthe upstream does not know: gen_11\n');
    expect(cells((await moongate(['reconcile', 'show', '--upstream', 'openrouter'])).stdout)[1]).toBe(
      '2026-05-31|generation|USD|0.00123|0.001|-0.00023|-18.7|1 calls compared, 1 unknown to the upstream',
    );
    server.accounts.set('openrouter', { replies: { currency: 'USD', cost: () => Promise.reject(new Fault('upstream_refused_key', { message: 'the upstream refused our credential (401)' })) } });
    expect(await moongate(['reconcile', 'fetch', '--upstream', 'openrouter', '--day', '2026-05-31'])).toMatchObject({
      code: 1, stderr: 'moongate: the upstream refused our credential (401)\n',
    });
    expect(await moongate(['reconcile', 'fetch', '--upstream', 'ark'])).toMatchObject({ code: 1, stderr: expect.stringContaining('Import a CSV file instead') });
  });
});

describe('calls whose server died', () => {
  it('are told as unknown, and not as ones without a price', async () => {
    await server.store({ ...unreached, id: 'gen_90', costState: 'unknown', state: 'unknown', startedMs: Date.parse('2026-05-20T00:00:00Z') });
    expect(cells((await moongate(['generations', '--state', 'unknown'])).stdout)[1]).toMatch(/\|gen_90\|.*\|unknown\|-$/);
    const { stdout } = await moongate(['usage', '--from', '2026-05-01']);
    expect(stdout).toContain('calls of unknown outcome: 1 (their server died)');
    expect(stdout).not.toMatch(/unpriced|no price/);
  });
});

describe('the program itself', () => {
  const program = fileURLToPath(new URL('../../cli/moongate.mjs', import.meta.url));

  it('runs as a process, with its answer on stdout and its exit code', async () => {
    const child = spawn(process.execPath, [program, 'info', '--json'], { cwd: server.folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const [output, code] = await Promise.all([text(child.stdout), new Promise((done) => child.once('exit', done))]);
    expect([code, JSON.parse(output)]).toMatchObject([0, { version: '1.2.3' }]);
  });

  it('fails with 2 on a wrong command line', () => {
    const { status, stderr } = spawnSync(process.execPath, [program, 'keys', 'burn'], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain("unknown command 'burn'");
  });

  it('checks a configuration without a server, by the server program itself', () => {
    const { status, stdout } = spawnSync(process.execPath, [program, 'config', 'check', '--json'], { cwd: server.folder, encoding: 'utf8', env: { PATH: process.env['PATH'] } });
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { ok: true }]);
  });
});
