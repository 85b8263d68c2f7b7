import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import type { SampleLanguage, SeedSample } from './seed-samples.ts';
import { addressed, clientPart, extractSamples, withContinuations, withIndentation } from './seed-samples.ts';

const run = promisify(execFile);
const seedsFolder = process.env['MOONGATE_SEEDS'];
const python = process.env['MOONGATE_PYTHON'];
const noSeeds = 'needs MOONGATE_SEEDS: the folder of the documents whose samples are to run';
const noPython = 'needs MOONGATE_PYTHON: a Python that has the packages openai and requests';

interface Reply {
  readonly choices: readonly {
    readonly finish_reason: string;
    readonly message: {
      readonly content: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
    };
  }[];
}

let server: RunningServer | undefined;
let folder = '';

/** The samples of the seed whose file name begins with `name`. */
function samplesOf(name: string): SeedSample[] {
  const file = readdirSync(seedsFolder ?? '').find((candidate) => candidate.startsWith(name));
  return extractSamples(readFileSync(join(seedsFolder ?? '', file ?? name), 'utf8'));
}

/** The sample, addressed to the running server. */
function sample(name: string, language: SampleLanguage, index = 0): string {
  const found = samplesOf(name).filter((candidate) => candidate.language === language)[index];
  if (found === undefined || server === undefined) throw new Error(`no ${language} sample ${index} in ${name}`);
  return addressed(found.text, server.url, server.testKey);
}

const environment = () => ({ PATH: process.env['PATH'], HOME: folder, CURL_HOME: folder, NO_PROXY: '127.0.0.1,localhost,::1' });

async function runPython(text: string): Promise<string> {
  const { stdout } = await run(python ?? 'python3', ['-c', text], { cwd: folder, env: environment(), timeout: 25_000 });
  return stdout;
}

async function runCurl(text: string): Promise<Reply> {
  const { stdout } = await run('bash', ['-c', withContinuations(text)], { cwd: folder, env: environment(), timeout: 25_000 });
  return JSON.parse(stdout) as Reply;
}

describe('finding samples', () => {
  it('takes them out of prose, one by one', () => {
    const text = [
      'Prose = here.', 'from openai import OpenAI', 'client = OpenAI(', 'base_url="https://a.example/v1"', ')', '', 'print(1)',
      'import requests', 'print(2)', 'Сделайте так:', "curl https://a.example/v1/x", '-H "A: b"', "-d '{", '"a": 1', "}'", 'stream = client.create()',
      'for a in stream:', 'if a:', 'print(a)', '说明', '{', '"b": {}', '}', 'Prose.',
    ].join('\n');
    expect(extractSamples(text).map(({ language, line, text: sampleText }) => [language, line, sampleText.split('\n').length])).toEqual([
      ['python', 2, 6], ['python', 8, 2], ['curl', 11, 5], ['python', 16, 4], ['json', 21, 3],
    ]);
  });

  it('mends only what was lost', () => {
    expect(withContinuations("curl x\n-H 'a'\n-d '{\n\"b\": 1\n}'")).toBe("curl x \\\n-H 'a' \\\n-d '{\n\"b\": 1\n}'");
    expect(withIndentation('for a in b:\nif a:\nprint(a)\nprint(2)')).toBe('for a in b:\n    if a:\n        print(a)\nprint(2)');
    const whole = 'for a in b:\n    f(\n    a)\nx = {\n"a":\n1}';
    expect(withIndentation(whole)).toBe(whole);
    expect(addressed('curl https://api.a.example/api/v1/x -H "Bearer $A_B_API_KEY"', 'http://h:1', 'k')).toBe('curl http://h:1/api/v1/x -H "Bearer k"');
  });

  it('finds every sample of the five seeds', ({ skip }) => {
    skip(seedsFolder === undefined, noSeeds);
    const found = readdirSync(seedsFolder ?? '').map((file) => [file.split('.')[0], samplesOf(file).map(({ language }) => language).join(' ')]);
    expect(Object.fromEntries(found)).toEqual({
      'cometapi-kimi-k2-thinking-guide': 'curl json',
      'cometapi-kimi-k2-thinking': '',
      'moonshot-kimi-api': 'python curl python python python',
      'routerai-kimi-k2-0905-exacto': 'python python curl',
      'volcengine-ark-kimi-k2': '',
    });
  });
});

describe('against a running server', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'moongate-samples-'));
    // The samples' curl is silent about a status of 4xx; this makes it an error without a change to the sample.
    writeFileSync(join(folder, '.curlrc'), 'silent\nshow-error\nfail-with-body\n');
    if (seedsFolder !== undefined) server = await startServer();
  });

  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('curl samples', () => {
    it.for(['moonshot', 'routerai'])('%s: the model answers', async (seed, { skip }) => {
      skip(seedsFolder === undefined, noSeeds);
      const reply = await runCurl(sample(seed, 'curl'));
      expect(reply.choices[0]?.message.content).toMatch(/\S/);
    });

    it('cometapi: the thinking model answers with its thinking apart', async ({ skip }) => {
      skip(seedsFolder === undefined, noSeeds);
      const reply = await runCurl(sample('cometapi-kimi-k2-thinking-guide', 'curl'));
      expect(reply.choices[0]?.message.content).toMatch(/\S/);
      expect(reply.choices[0]?.message.reasoning_content).toMatch(/\S/);
    });
  });

  describe('Python samples', () => {
    const needs = (skip: (condition: boolean, note: string) => void): void => {
      skip(seedsFolder === undefined, noSeeds);
      skip(python === undefined, noPython);
    };
    const moonshotClient = (): string => clientPart(sample('moonshot', 'python'));

    it('moonshot: a first chat', async ({ skip }) => {
      needs(skip);
      expect(await runPython(sample('moonshot', 'python', 0))).toMatch(/\S/);
    });

    it('moonshot: a stream, its lost indentation put back', async ({ skip }) => {
      needs(skip);
      expect(await runPython(`${moonshotClient()}\n${withIndentation(sample('moonshot', 'python', 1))}`)).toMatch(/\S/);
    });

    it('moonshot: a tool, whose arguments fit its schema', async ({ skip }) => {
      needs(skip);
      const observed = 'print(response.choices[0].message.tool_calls[0].model_dump_json())';
      const stdout = await runPython(`${moonshotClient()}\n${sample('moonshot', 'python', 2)}\n${observed}`);
      const call = JSON.parse(stdout) as { function: { name: string; arguments: string } };
      expect(call.function.name).toBe('search_web');
      expect(JSON.parse(call.function.arguments)).toEqual({ query: expect.any(String) });
    });

    it('moonshot: a file, whose text is asked about', async ({ skip }) => {
      needs(skip);
      copyFileSync(join(import.meta.dirname, '../documents/corpus/bakery.libreoffice.pdf'), join(folder, 'paper.pdf'));
      const observed = 'print(text)\nprint(response.choices[0].message.content)';
      const stdout = await runPython(`${moonshotClient()}\n${sample('moonshot', 'python', 3)}\n${observed}`);
      const [told = '', ...answer] = stdout.split('\n');
      expect(JSON.parse(told)).toMatchObject({ filename: 'paper.pdf', file_type: 'application/pdf', content: expect.stringContaining('Piekarnia przy ulicy Źródlanej') });
      expect(answer.join('\n')).toMatch(/\S/);
    });

    it('routerai: a chat by the OpenAI SDK', async ({ skip }) => {
      needs(skip);
      expect(await runPython(sample('routerai', 'python', 0))).toMatch(/\S/);
    });

    it('routerai: a chat by requests', async ({ skip }) => {
      needs(skip);
      const reply = JSON.parse(await runPython(sample('routerai', 'python', 1))) as Reply;
      expect(reply.choices[0]?.message.content).toMatch(/\S/);
    });
  });

  describe('JSON samples', () => {
    it('cometapi: a tool in the {name, description, input_schema} form, sent by the OpenAI SDK for JavaScript', async ({ skip }) => {
      skip(seedsFolder === undefined, noSeeds);
      const client = new OpenAI({ baseURL: `${server?.url}/v1`, apiKey: server?.testKey ?? '' });
      const body = JSON.parse(sample('cometapi-kimi-k2-thinking-guide', 'json')) as Record<string, unknown>;
      const reply = await client.post<Reply>('/chat/completions', { body });
      const [choice] = reply.choices;
      expect(choice?.finish_reason).toBe('tool_calls');
      expect(choice?.message.tool_calls?.[0]?.function.name).toBe('web_search');
      expect(JSON.parse(choice?.message.tool_calls?.[0]?.function.arguments ?? '')).toBeTypeOf('object');
    });
  });
});
