import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const python = process.env['MOONGATE_PYTHON'];
const noPython = 'needs MOONGATE_PYTHON: a Python that has the packages openai and requests';

/** The README's code blocks of one language, in order. */
function blocks(language: string): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1] ?? '');
}

describe('the README', () => {
  let server: RunningServer;

  beforeAll(async () => {
    server = await startServer();
  });

  afterAll(() => server?.stop());

  /** Runs a sample as it stands, but for the server's address. The keys come from the environment, as the README has it. */
  async function runSample(program: string, args: readonly string[], sample: string, cwd = root): Promise<string> {
    const { stdout } = await run(program, [...args, sample.replaceAll('http://127.0.0.1:8787', server.url)], {
      cwd,
      env: { PATH: process.env['PATH'], MOONGATE_KEY: server.liveKey, MOONGATE_TEST_KEY: server.testKey, NO_PROXY: '127.0.0.1,localhost,::1' },
      timeout: 25_000,
    });
    return stdout;
  }

  it('has curl lines that work', async () => {
    const [first, faulty] = blocks('sh').filter((block) => block.includes('curl '));
    const shell = (block = ''): Promise<string> => runSample('bash', ['-c'], block.slice(block.indexOf('curl ')).replace('curl ', 'curl -sS '));
    expect(JSON.parse(await shell(first))).toMatchObject({ choices: [{ message: { content: expect.stringMatching(/\S/) } }] });
    expect(JSON.parse(await shell(faulty))).toMatchObject({ error: { type: 'rate_limit_reached_error' } });
  });

  it('has JavaScript that works', async () => {
    for (const block of blocks('js')) expect(await runSample(process.execPath, ['--input-type=module', '-e'], block)).toMatch(/\S/);
  });

  it('has Python that works: a first request, a stream of thoughts, a tool, a file, a batch', async ({ skip, onTestFinished }) => {
    skip(python === undefined, noPython);
    const folder = mkdtempSync(join(tmpdir(), 'moongate-readme-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    copyFileSync(join(root, 'tests/documents/corpus/bakery.libreoffice.pdf'), join(folder, 'paper.pdf'));
    const [requests = ''] = blocks('sh').filter((block) => block.startsWith('cat > requests.jsonl'));
    await runSample('bash', ['-c'], requests.slice(0, requests.indexOf('\nnpx ')), folder);
    const stdout = await runSample(python ?? '', ['-c'], blocks('python').join("\nprint('\\n--')\n"), folder);
    const [first, stream, tool, file, batch] = stdout.split('\n--\n');
    expect(first).toMatch(/\S/);
    expect(stream).toMatch(/\S/);
    expect(tool).toMatch(/^get_weather \{'city': /m);
    expect(file).toMatch(/^\d+ .*\S/s);
    expect(batch).toMatch(/^(validating|in_progress|finalizing|completed)$/m);
  });
});
