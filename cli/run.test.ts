import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { commandsUnder, createProgram } from './program.ts';
import { run } from './run.ts';
import { TerminalDouble } from './terminal-double.ts';

const folder = mkdtempSync(join(tmpdir(), 'moongate-run-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function runIn(argv: readonly string[], terminal = new TerminalDouble(folder)): Promise<TerminalDouble & { code: number }> {
  const code = await run(argv, terminal);
  return Object.assign(terminal, { code });
}

const commands = commandsUnder(createProgram(new TerminalDouble(folder)));
const paths: readonly (readonly [string, Command])[] = commands.map((command) => [wordsTo(command).join(' '), command]);
const leaves = paths.filter(([, command]) => command.commands.length === 0);

function wordsTo(command: Command): string[] {
  return command.parent === null ? [] : [...wordsTo(command.parent), command.name()];
}

describe('every command', () => {
  it('is one that the issue names', () => {
    expect(leaves.map(([path]) => path).sort()).toEqual([
      'batch cancel', 'batch get', 'batch list', 'batch run', 'config check', 'credits add', 'credits list', 'credits withdraw', 'files delete', 'files list', 'files put', 'files text', 'generations', 'info', 'keys create', 'keys list', 'keys revoke', 'keys show', 'ledger list', 'ledger verify',
      'prices list', 'rates import', 'rates list', 'reconcile fetch', 'reconcile import', 'reconcile show', 'serve', 'tenants create', 'tenants list',
      'tenants show', 'tokenizer install', 'usage',
    ]);
  });

  it.each(paths)('"%s" has --help, with a line on every option and argument', async (path, command) => {
    const { code, stdout, stderr } = await runIn([...words(path), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: moongate${path === '' ? '' : ` ${path}`}`);
    expect(command.description()).not.toBe('');
    for (const part of [...command.options, ...command.registeredArguments]) expect(part.description).not.toBe('');
  });

  it.each(leaves)('"%s" has --json', (_path, command) => {
    expect(command.options.map((option) => option.long)).toContain('--json');
  });

  it.each(paths)('"%s" refuses an option that it does not know, with exit code 2, as JSON when asked', async (path) => {
    const plain = await runIn([...words(path), '--no-such']);
    expect(plain).toMatchObject({ code: 2, stdout: '' });
    expect(plain.stderr).not.toBe('');
    const json = await runIn([...words(path), '--no-such', '--json']);
    expect(json).toMatchObject({ code: 2, stderr: '' });
    expect(JSON.parse(json.stdout)).toEqual({ error: { code: 'usage', message: expect.any(String) } });
  });

  it.each(leaves.filter(([, command]) => command.options.some((option) => option.long === '--url')))(
    '"%s" says in two lines, and as JSON, that there is no server',
    async (path, command) => {
      const needed = command.options.filter((option) => option.mandatory).flatMap((option) => [option.long ?? '', 'x']);
      const argv = [...words(path), ...command.registeredArguments.map((argument) => (argument.name() === 'money' ? '1 USD' : 'key_1')), ...needed];
      const plain = await runIn(argv);
      expect(plain).toMatchObject({ code: 1, stdout: '' });
      expect(plain.stderr).toMatch(/^moongate: no server is running on .*npm start.*\n.*\n$/);
      const json = await runIn([...argv, '--json']);
      expect(json).toMatchObject({ code: 1, stderr: '' });
      expect(JSON.parse(json.stdout)).toEqual({ error: { code: 'not_running', message: expect.stringContaining('npm start') } });
    },
  );
});

function words(path: string): string[] {
  return path === '' ? [] : path.split(' ');
}

describe('the root', () => {
  it('tells the version', async () => {
    const { code, stdout } = await runIn(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([[[]], [['keys']]])('shows its help on stderr, with exit code 2, when it is not said what to do: %j', async (argv) => {
    const { code, stdout, stderr } = await runIn(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: moongate');
  });

  it.each([
    [['bogus'], 'unknown command'],
    [['keys', 'show'], "missing required argument 'id'"],
    [['keys', 'show', 'a', 'b'], 'too many arguments'],
    [['usage', '--by', 'moon'], 'Allowed choices are key, model, upstream, day, tenant, key-model, day-model'],
    [['usage', '--format', 'xml'], 'Allowed choices are table, csv, json'],
    [['generations', '--limit', '0'], 'from 1 to 1000'],
    [['generations', '--state', 'lost'], 'Allowed choices are complete, partial, failed, unknown'],
    [['keys', 'create', '--expires', 'soon'], 'expected a span'],
    [['keys', 'create', '--models', 'a,,b'], '--models'],
    [['keys', 'create', '--rpm', '-1'], 'Expected a whole number, 1 or more'],
    [['keys', 'create', '--rpm', '0'], 'Expected a whole number, 1 or more'],
    [['keys', 'create', '--concurrency', '1.5'], 'Expected a whole number, 1 or more'],
    [['keys', 'create', '--tpm', 'NaN'], 'Expected a whole number, 1 or more'],
    [['keys', 'create', '--budget', '5'], '--budget: expected a positive amount and a currency such as "5.00 USD", not "5"'],
    [['keys', 'create', '--budget', '-5 USD'], '--budget: expected a positive amount'],
    [['keys', 'create', '--budget', 'NaN USD'], '--budget: expected a positive amount'],
    [['keys', 'create', '--budget', '5 USD/week'], '--budget: expected an amount, a currency and a period (day, month, total)'],
    [['keys', 'create', '--budget', ':5 USD/day'], '--budget: expected'],
    [['keys', 'create', '--per', 'day'], '--per: there is no --budget'],
    [['keys', 'create', '--budget', '5 USD', '--per', 'week'], 'Allowed choices are day, month, total'],
    [['keys', 'create', '--model-limit', 'kimi-k2'], '--model-limit: expected a model and its limits'],
    [['keys', 'create', '--model-limit', 'kimi-k2:rpm=0'], '--model-limit: expected a model and its limits'],
    [['keys', 'create', '--model-limit', 'kimi-k2:rpm=1,rpm=2'], '--model-limit: expected a model and its limits'],
    [['keys', 'create', '--model-limit', 'kimi-k2:fun=1'], '--model-limit: expected a model and its limits'],
    [['tenants', 'create', 'acme', '--prepaid', '--credit-limit', '5 USD'], '--credit-limit: a prepaid tenant has none'],
    [['tenants', 'create', 'acme', '--credit-limit', '5'], '--credit-limit: expected a positive amount'],
    [['credits', 'add', '20', 'USD', 'now'], 'the amount: expected a positive amount and a currency'],
    [['credits', 'add', '20'], 'the amount: expected a positive amount and a currency'],
    [['credits', 'add', 'NaN USD'], 'the amount: expected a positive amount'],
    [['credits', 'add', '-5 USD'], '-5 USD'],
    [['ledger', 'list', '--limit', '0'], 'from 1 to 1000'],
    [['reconcile', 'show'], "required option '--upstream <id>' not specified"],
    [['reconcile', 'fetch', '--upstream', 'x', '--limit', '201'], 'from 1 to 200'],
    [['info', '--url', 'ftp://x'], 'expected an address'],
  ])('%j is a wrong command line: %s', async (argv, text) => {
    const { code, stdout, stderr } = await runIn(argv, new TerminalDouble(folder, { MOONGATE_URL: 'http://127.0.0.1:9', MOONGATE_ADMIN_TOKEN: 't' }));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(text);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });
});

describe('commands that run the server program', () => {
  it.each([
    [['serve'], []],
    [['serve', '--port', '9000', '--host', '::1', '--data-dir', 'd', '--config', 'c.yaml', '--json'], ['--port=9000', '--host=::1', '--data-dir=d', '--config=c.yaml', '--json']],
    [['config', 'check'], ['config', 'check']],
    [['config', 'check', '--config', '-odd', '--json'], ['config', 'check', '--config=-odd', '--json']],
    [['ledger', 'verify'], ['ledger', 'verify']],
    [['ledger', 'verify', '--data-dir', 'd', '--config', 'c.yaml', '--json'], ['ledger', 'verify', '--data-dir=d', '--config=c.yaml', '--json']],
    [['tokenizer', 'install'], ['tokenizer', 'install']],
    [['tokenizer', 'install', '--from', 'f', '--data-dir', 'd', '--json'], ['tokenizer', 'install', '--from=f', '--data-dir=d', '--json']],
  ])('%j runs it with %j', async (argv, args) => {
    const terminal = await runIn(argv);
    expect(terminal.runs).toEqual([args]);
    expect(terminal).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('pass its exit code on and add nothing to what it said', async () => {
    const terminal = new TerminalDouble(folder);
    terminal.outcome = 3;
    expect(await runIn(['config', 'check', '--json'], terminal)).toMatchObject({ code: 3, stdout: '', stderr: '' });
  });

  it('say so when it does not start', async () => {
    const terminal = new TerminalDouble(folder);
    terminal.outcome = new Error('spawn EACCES');
    expect(await runIn(['serve'], terminal)).toMatchObject({ code: 1, stdout: '', stderr: 'moongate: the server program does not start: spawn EACCES\n' });
  });
});
