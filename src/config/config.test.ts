import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, type ConfigProblem, parseConfig } from './config-file.ts';
import { type ConfigFlags, loadConfig } from './config.ts';
import type { Environment } from './environment-reader.ts';

function problemsOf(text: string): readonly ConfigProblem[] {
  try {
    parseConfig(text, 'moongate.yaml');
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
  throw new Error('was accepted');
}

describe('parseConfig', () => {
  it('accepts the example that is shipped', () => {
    const example = new URL('../../moongate.example.yaml', import.meta.url);
    expect(parseConfig(readFileSync(example, 'utf8'), 'example').file.server?.port).toBe(8787);
  });

  it('accepts an empty file', () => {
    expect(parseConfig('', 'moongate.yaml').file).toEqual({});
    expect(parseConfig('# nothing\n', 'moongate.yaml').file).toEqual({});
  });

  it('names file, line and key of an unknown key', () => {
    expect(problemsOf('server:\n  port: 1\n  prot: 2\n')).toEqual([
      { source: 'moongate.yaml', line: 3, message: expect.stringContaining('"server.prot"') },
    ]);
  });

  it('names file, line and what was expected of a bad value', () => {
    const [problem] = problemsOf('policy: {}\nserver:\n  port: eight\n');
    expect(problem).toMatchObject({ source: 'moongate.yaml', line: 3 });
    expect(problem?.message).toMatch(/server\.port.*number/);
  });

  it('refuses a secret written out', () => {
    const [problem] = problemsOf('upstreams:\n  - id: a\n    kind: openai\n    baseUrl: http://localhost:1/v1\n    apiKey: sk-very-secret\n');
    expect(problem).toMatchObject({ line: 5 });
    expect(problem?.message).toContain('${MY_KEY}');
    expect(problem?.message).not.toContain('very-secret');
  });

  it.each([
    'http://user:very-secret@host/v1',
    'http://very-secret@host/v1',
    'http://host/v1#very-secret',
    'http://host/v1?api-version=1&api_key=very-secret',
    'ftp://host/very-secret',
    'host:very-secret',
  ])('refuses the base URL %s without repeating it', (baseUrl) => {
    const problems = problemsOf(`upstreams:\n  - id: a\n    kind: openai\n    baseUrl: ${JSON.stringify(baseUrl)}\n`);
    expect(problems).toEqual([{ source: 'moongate.yaml', line: 4, message: expect.stringMatching(/^upstreams\.0\.baseUrl: .*expected/) }]);
    expect(problems[0]?.message).not.toContain('very-secret');
  });

  it('refuses a script that the sandbox does not understand', () => {
    expect(problemsOf('sandbox:\n  firstTokenMs: 1\n  script: fault=nonsense\n')).toEqual([
      { source: 'moongate.yaml', line: 3, message: expect.stringMatching(/^sandbox\.script: .*fault: expected one of/) },
    ]);
  });

  it('keeps the query of a base URL', () => {
    const { file } = parseConfig('upstreams:\n  - { id: a, kind: openai, baseUrl: "http://host/v1?api-version=2026-01-01" }\n', 'moongate.yaml');
    expect(file.upstreams?.[0]?.baseUrl).toBe('http://host/v1?api-version=2026-01-01');
  });

  it.each([
    ['retention: { generationsDays: 0 }', 'retention.generationsDays'],
    ['retention: { generationsDays: 1.5 }', 'retention.generationsDays'],
    ['retention: { days: 5 }', 'unknown key "retention.days"'],
    ['reconciliation: { everyHours: 0 }', 'reconciliation.everyHours'],
    ['reconciliation: { everyHours: 25 }', 'reconciliation.everyHours'],
  ])('refuses %s', (text, message) => {
    expect(problemsOf(`${text}\n`)).toEqual([{ source: 'moongate.yaml', line: 1, message: expect.stringContaining(message) }]);
  });

  it('refuses a bomb of aliases', () => {
    const row = (name: string, of: string): string => `${name}: &${name} [${Array.from({ length: 12 }, () => of).join(', ')}]\n`;
    const [problem] = problemsOf(row('a', 'x') + row('b', '*a') + row('c', '*b'));
    expect(problem?.message).toMatch(/alias/);
  });

  it('tells where YAML itself is broken', () => {
    expect(problemsOf('server:\n  port: [1\n')[0]?.line).toBeGreaterThan(1);
  });
});

describe('loadConfig', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'moongate-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function file(text: string): string {
    const path = join(folder, 'moongate.yaml');
    writeFileSync(path, text);
    return path;
  }

  function problemsOfLoad(flags: ConfigFlags, environment: Environment): readonly ConfigProblem[] {
    try {
      loadConfig(flags, environment);
    } catch (thrown) {
      if (thrown instanceof ConfigError) return thrown.problems;
      throw thrown;
    }
    throw new Error('was accepted');
  }

  it('keeps every call and asks nobody for balances unless it is told to', () => {
    expect(loadConfig({ config: file('') }, {})).toMatchObject({ retention: {}, reconciliation: {} });
    expect(loadConfig({ config: file('retention: { generationsDays: 90 }\nreconciliation: { everyHours: 6 }\n') }, {})).toMatchObject({
      retention: { generationsDays: 90 }, reconciliation: { everyHours: 6 },
    });
  });

  it('puts flags over the environment over the file over the defaults', () => {
    const config = file('server: { port: 1, host: 10.0.0.1 }\ndataDir: from-file\nlogLevel: warn\n');
    const loaded = loadConfig({ config, port: '3' }, { MOONGATE_PORT: '2', MOONGATE_HOST: '10.0.0.2' });
    expect(loaded).toMatchObject({ port: 3, host: '10.0.0.2', logLevel: 'warn', drainMs: 30_000 });
    expect(loaded.dataDir).toMatch(/from-file$/);
  });

  it.each(['', '  '])('takes variables that hold %j as not set', (blank) => {
    const variables = [
      'MOONGATE_HOST', 'MOONGATE_PORT', 'MOONGATE_DATA_DIR', 'MOONGATE_TOKENIZER', 'MOONGATE_CONFIG', 'MOONGATE_SECRET', 'MOONGATE_LOG_LEVEL',
      'MOONSHOT_API_KEY', 'MOONSHOT_BASE_URL', 'ARK_API_KEY', 'VLLM_BASE_URL', 'VLLM_API_KEY',
    ];
    expect(loadConfig({}, Object.fromEntries(variables.map((name) => [name, blank])))).toEqual(loadConfig({}, {}));
    const config = file('server: { port: 1, host: 10.0.0.1 }\ndataDir: from-file\ntokenizer: t\n');
    const environment = Object.fromEntries(variables.map((name) => [name, blank]));
    expect(loadConfig({ config }, environment)).toEqual(loadConfig({ config }, {}));
  });

  it.each(['port', 'host', 'dataDir', 'config'] as const)('refuses an empty flag: %s', (flag) => {
    expect(() => loadConfig({ [flag]: ' ' }, {})).toThrow(/^--(port|host|data-dir|config): expected/);
  });

  it('names file and line of what only shows when all is put together, all at once', () => {
    const config = file(`upstreams:
  - id: rack
    kind: vllm
  - id: other
    kind: openai
    baseUrl: http://other:1/v1
    apiKey: \${NOPE}
  - id: rack
    kind: openai
    baseUrl: http://again:1/v1
catalog:
  offers:
    - upstream: rack
      model: no-such-model
    - model: kimi-k2
      upstream: nowhere
`);
    expect(problemsOfLoad({ config }, {})).toEqual([
      { source: config, line: 2, message: expect.stringMatching(/^upstreams\.0\.baseUrl: expected the base URL of your vllm server/) },
      { source: config, line: 7, message: expect.stringMatching(/^upstreams\.1\.apiKey: expected .*NOPE.*not set/) },
      { source: config, line: 8, message: expect.stringMatching(/^upstreams\.2\.id: expected .*"rack".*line 2/) },
      { source: config, line: 14, message: expect.stringMatching(/^catalog\.offers\.0\.model: .*no-such-model/) },
      { source: config, line: 16, message: expect.stringMatching(/^catalog\.offers\.1\.upstream: .*nowhere/) },
    ]);
  });

  it('takes an endpoint for calls of batches only where a vendor has them', () => {
    const config = file(`catalog:
  offers:
    - { upstream: ark, model: kimi-k2, batchModel: ep-bi-1 }
    - { upstream: moonshot, model: kimi-k2.6, batchModel: ep-bi-2 }
`);
    expect(problemsOfLoad({ config }, {})).toEqual([
      { source: config, line: 4, message: expect.stringMatching(/^catalog\.offers\.1\.batchModel: expected an upstream of kind ark.*kind moonshot$/) },
    ]);
  });

  it('names the variable of what the environment has wrong', () => {
    const problems = problemsOfLoad({}, { MOONGATE_PORT: 'x', MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: 'http://user:very-secret@h/v1', MOONGATE_LOG_LEVEL: 'loud' });
    expect(problems.map(({ source }) => source).toSorted()).toEqual(['MOONGATE_LOG_LEVEL', 'MOONGATE_PORT', 'MOONSHOT_BASE_URL']);
    expect(JSON.stringify(problems)).not.toContain('very-secret');
    expect(problems.every(({ message, line }) => message.includes('expected') && line === undefined)).toBe(true);
  });

  it.each([
    [{ port: '70000' }, {}, '--port'],
    [{}, { MOONGATE_PORT: 'x' }, 'MOONGATE_PORT'],
    [{}, { ARK_API_KEY: 'a', ARK_BASE_URL: 'ark.example' }, 'ARK_BASE_URL'],
    [{}, { MOONGATE_SECRET: 'short' }, 'MOONGATE_SECRET: it has 5 bytes'],
    [{ config: '/nowhere/moongate.yaml' }, {}, '/nowhere/moongate.yaml'],
  ])('refuses %j with %j, naming %s', (flags, environment, source) => {
    expect(() => loadConfig(flags, environment)).toThrow(source);
  });
});

describe('MOONGATE_DATABASE_URL', () => {
  const secret = 'a-shared-secret-of-more-than-thirty-two-bytes';
  const problemsOf = (environment: Record<string, string>): unknown => {
    try {
      return loadConfig({}, environment).databaseUrl;
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      expect(thrown.message).not.toContain('PASSWORD');
      return thrown.problems.map(({ source, message }) => `${source}: ${message}`);
    }
  };

  it.each([
    'postgres://moongate:p%40ss@db.example:5433/moongate',
    'postgresql://moongate@[::1]/moongate?sslmode=verify-full',
    'postgres:///moongate?host=/var/run/postgresql',
  ])('takes %s', (url) => {
    expect(problemsOf({ MOONGATE_DATABASE_URL: url, MOONGATE_SECRET: secret })).toBe(url);
  });

  it.each([
    ['moongate:PASSWORD@host/db', /expected a URL such as postgres/],
    ['mysql://moongate:PASSWORD@host/db', /expected a URL such as postgres/],
    ['postgres://moongate:PASS/WORD#@host/db', /percent-encoded/],
    ['postgres://moongate:PASSWORD@host', /names no database/],
    ['postgres://moongate:PASSWORD@host/', /names no database/],
    ['postgres:///moongate', /names no host/],
  ])('refuses %s and does not quote it', (url, message) => {
    expect(problemsOf({ MOONGATE_DATABASE_URL: url, MOONGATE_SECRET: secret })).toEqual([expect.stringMatching(message)]);
  });

  it('wants the root secret beside it', () => {
    expect(problemsOf({ MOONGATE_DATABASE_URL: 'postgres://h/d' })).toEqual([expect.stringMatching(/^MOONGATE_SECRET: expected the root secret, since MOONGATE_DATABASE_URL is set; make one with/)]);
  });
});
