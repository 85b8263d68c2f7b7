import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { limitPresets } from '../access/limits/limit-presets.ts';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import { ConfigError, type ConfigProblem } from './config-file.ts';
import { type Config, loadConfig } from './config.ts';
import type { Environment } from './environment-reader.ts';

const folder = mkdtempSync(join(tmpdir(), 'moongate-limits-'));
afterAll(() => rmSync(folder, { recursive: true }));

function load(text: string, environment: Environment = {}): Config {
  const path = join(folder, 'moongate.yaml');
  writeFileSync(path, text);
  return loadConfig({ config: path }, environment);
}

function problemsOf(text: string, environment: Environment = {}): readonly ConfigProblem[] {
  try {
    load(text, environment);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
  throw new Error('was accepted');
}

describe('limits of the configuration', () => {
  it('are none by default', () => {
    const config = load('');
    expect(config.limits).toEqual({ models: {}, whenCountersAreGone: 'share' });
    expect(config.valkeyUrl).toBeUndefined();
  });

  it('name models as callers may', () => {
    const { limits } = load(`limits:
  models: { kimi-k2-0905-preview: { rpm: 5, concurrency: 2 } }
  tenantDefault: { all: { tpd: 9 }, models: { moonshotai/kimi-k2-thinking: { tpm: 7 } } }
  queue: { waitMs: 100, length: 3 }
  whenCountersAreGone: refuse
`);
    expect(limits).toEqual({
      models: { 'kimi-k2-0905': { rpm: 5, concurrency: 2 } },
      tenantDefault: { all: { tpd: 9 }, models: { 'kimi-k2-thinking': { tpm: 7 } } },
      queue: { waitMs: 100, length: 3 },
      whenCountersAreGone: 'refuse',
    });
  });

  it.each(Object.keys(limitPresets))('take the preset %s, whose models the catalog has', (name) => {
    const policy = limitPresets[name]?.policy;
    expect(load(`limits: { tenantDefault: ${name} }`).limits.tenantDefault).toEqual(policy);
    const ids = shippedCatalog().models.map(({ id }) => id);
    for (const id of Object.keys(policy?.models ?? {})) expect(ids).toContain(id);
  });

  it.each(['-1', '0', '1.5', '"10"', '.nan', '1e30', '[1]'])('refuse a limit of %s where it stands, and say what to do', (value) => {
    const problems = problemsOf(`limits:\n  models:\n    kimi-k2:\n      rpm: ${value}\n  tenantDefault:\n    all: { tpm: ${value} }\n`);
    expect(problems.map(({ line }) => line)).toEqual([4, 6]);
    expect(problems[0]?.message).toMatch(/^limits\.models\.kimi-k2\.rpm: /);
    expect(problems[1]?.message).toMatch(/^limits\.tenantDefault\.all\.tpm: /);
    if (value !== '1e30') for (const { message } of problems) expect(message).toContain('expected a whole number of at least 1; leave the limit out to have none');
  });

  it.each(['moonshot-tier-6', '12', '[]'])('refuse %s as a policy, and name the presets', (value) => {
    expect(problemsOf(`limits:\n  tenantDefault: ${value}\n`)).toEqual([
      { source: join(folder, 'moongate.yaml'), line: 2, message: expect.stringMatching(/^limits\.tenantDefault: expected limits under all: or models:, or one of the presets moonshot-tier-0, .*, ark$/) },
    ]);
  });

  it('refuse models that are unknown or named twice, keys that are unknown, and queues without bounds', () => {
    const at = (line: number, message: RegExp): ConfigProblem => ({ source: join(folder, 'moongate.yaml'), line, message: expect.stringMatching(message) });
    expect(problemsOf('limits:\n  models:\n    kimi-k2-0905: { rpm: 1 }\n    no-such-model: { rpm: 1 }\n    kimi-k2-250905: { rpm: 2 }\n')).toEqual([
      at(4, /^limits\.models\.no-such-model: expected a model of the catalog/),
      at(5, /^limits\.models\.kimi-k2-250905: expected each model once; "kimi-k2-0905"/),
    ]);
    expect(problemsOf('limits:\n  tenantDefault:\n    models:\n      nope: { rpm: 1 }\n')).toEqual([at(4, /^limits\.tenantDefault\.models\.nope: expected a model/)]);
    expect(problemsOf('limits:\n  models:\n    kimi-k2:\n      rps: 1\n')).toEqual([at(4, /unknown key "limits\.models\.kimi-k2\.rps"/)]);
    expect(problemsOf('limits:\n  queue: { waitMs: 0, length: 1 }\n')).toEqual([at(2, /^limits\.queue\.waitMs/)]);
    expect(problemsOf('limits:\n  whenCountersAreGone: open\n')).toEqual([at(2, /^limits\.whenCountersAreGone/)]);
  });
});

describe('MOONGATE_VALKEY_URL', () => {
  it.each(['redis://h:6379', 'rediss://h', 'valkey://:p%40ss@h:1/2', ' valkeys://u:p@[::1]:6379/0 '])('may be %s', (url) => {
    expect(load('', { MOONGATE_VALKEY_URL: url }).valkeyUrl).toBe(url.trim());
  });

  it.each(['h:6379', 'http://u:very-secret@h', 'redis://', 'redis://:very-secret@h/db', 'very-secret'])('may not be %s, and is not repeated', (url) => {
    const problems = problemsOf('', { MOONGATE_VALKEY_URL: url });
    expect(problems).toEqual([{ source: 'MOONGATE_VALKEY_URL', message: expect.stringContaining('expected redis://host:6379') }]);
    expect(JSON.stringify(problems)).not.toContain('very-secret');
  });
});
