/**
 * `npm run bench:batches [-- --lines 5000]`: what a line of a batch costs the server, in CPU of all its threads, beside the same request asked directly.
 * `-- --memory`: how much the server's memory rises over a batch of 50,000 lines and 200 MB, all of them through the sandbox.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MoneyUpstream } from '../sim/money-upstream.ts';
import { type RunningServer, startServer } from '../tests/doubles/running-server.ts';

const { values } = parseArgs({ options: { lines: { type: 'string', default: '5000' }, memory: { type: 'boolean', default: false } } });
const ticksPerSecond = 100;
const clients = 16;

function pidOf({ dataDir }: RunningServer): number {
  return (JSON.parse(readFileSync(join(dataDir, 'moongate.lock'), 'utf8')) as { pid: number }).pid;
}

/** User and system time of the process, all threads, in milliseconds. */
function cpuMs(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const fields = rest.split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

function rssMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

const bodyOf = (line: number, padding = ''): object => ({ model: 'kimi-k2-thinking', max_tokens: 64, messages: [{ role: 'user', content: `line ${line} ${padding}` }] });

async function upload(server: RunningServer, key: string, lines: number, padding = ''): Promise<string> {
  const form = new FormData();
  const parts: string[] = [];
  for (let line = 0; line < lines; line += 1) parts.push(`${JSON.stringify({ custom_id: `line-${line}`, method: 'POST', url: '/v1/chat/completions', body: bodyOf(line, padding) })}\n`);
  form.set('purpose', 'batch');
  form.set('file', new Blob(parts), 'lines.jsonl');
  const answer = (await (await fetch(`${server.url}/v1/files`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: form })).json()) as { id: string };
  return answer.id;
}

interface Told {
  readonly id: string;
  readonly status: string;
  readonly request_counts: { readonly completed: number; readonly failed: number };
}

/** Runs the file as a batch; resolves when it has ended. */
async function runBatch(server: RunningServer, key: string, file: string, onLook: () => void): Promise<Told> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ input_file_id: file, endpoint: '/v1/chat/completions', completion_window: '24h' });
  let batch = (await (await fetch(`${server.url}/v1/batches`, { method: 'POST', headers, body })).json()) as Told;
  while (!/^(completed|failed|expired)$/.test(batch.status)) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    onLook();
    batch = (await (await fetch(`${server.url}/v1/batches/${batch.id}`, { headers })).json()) as Told;
  }
  return batch;
}

async function askDirectly(server: RunningServer, lines: number): Promise<void> {
  const headers = { authorization: `Bearer ${server.liveKey}`, 'content-type': 'application/json' };
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < lines) {
        next += 1;
        await (await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(bodyOf(next)) })).text();
      }
    }),
  );
}

async function measureCpu(lines: number): Promise<object> {
  await using upstream = await MoneyUpstream.start(2);
  const server = await startServer({ environment: { MOONSHOT_API_KEY: 'sk-bench', MOONSHOT_BASE_URL: upstream.baseUrl } });
  try {
    const pid = pidOf(server);
    const spent = async (task: () => Promise<unknown>): Promise<number> => {
      const beforeMs = cpuMs(pid);
      await task();
      return (cpuMs(pid) - beforeMs) / lines;
    };
    await askDirectly(server, 1_000);
    await runBatch(server, server.liveKey, await upload(server, server.liveKey, 1_000), () => undefined);
    const file = await upload(server, server.liveKey, lines);
    const directMs = await spent(() => askDirectly(server, lines));
    const batchMs = await spent(() => runBatch(server, server.liveKey, file, () => undefined));
    return { lines, directCpuMsPerCall: directMs, batchCpuMsPerLine: batchMs, overheadCpuMsPerLine: batchMs - directMs };
  } finally {
    await server.stop();
  }
}

async function measureMemory(): Promise<object> {
  const server = await startServer({ config: 'sandbox: { tokensPerSecond: 0, firstTokenMs: 0 }\n' });
  try {
    const pid = pidOf(server);
    // Beforehand, so that what any call needs once is there.
    await runBatch(server, server.testKey, await upload(server, server.testKey, 500), () => undefined);
    const lines = 50_000;
    const file = await upload(server, server.testKey, lines, 'x'.repeat(3_980));
    const beforeMb = rssMb(pid, 'VmRSS');
    let mostMb = beforeMb;
    const begunMs = performance.now();
    const batch = await runBatch(server, server.testKey, file, () => (mostMb = Math.max(mostMb, rssMb(pid, 'VmRSS'))));
    return { lines, ...batch.request_counts, status: batch.status, beforeMb, mostMb, risenMb: mostMb - beforeMb, seconds: (performance.now() - begunMs) / 1000 };
  } finally {
    await server.stop();
  }
}

process.stdout.write(`${JSON.stringify(values.memory ? await measureMemory() : await measureCpu(Number(values.lines)), null, 2)}\n`);
