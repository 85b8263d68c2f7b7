import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One road to the upstream: where to send requests, with which key, and which processes' CPU and memory to count. */
export interface Target {
  readonly name: 'direct' | 'nginx' | 'relay' | 'moongate';
  readonly url: string;
  readonly key: string;
  /** Processes on the road itself; empty for the direct one. */
  pids(): readonly number[];
}

export interface Targets {
  readonly all: readonly Target[];
  /** Ends every process and removes their files. */
  stop(): Promise<void>;
}

const root = new URL('..', import.meta.url).pathname;

/** Starts the upstream and every road to it, each a process of its own on core 0; the load comes from core 1. */
export async function startTargets(): Promise<Targets> {
  const folder = mkdtempSync(join(tmpdir(), 'moongate-bench-'));
  const children: ChildProcess[] = [];
  const start = (command: string, args: readonly string[], core: number, environment: Record<string, string> = {}): ChildProcess => {
    const child = spawn('taskset', ['-c', String(core), command, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  };
  // The upstream shares the load's core, so that it takes nothing from what is measured.
  const upstreamPort = await portOf(start(process.execPath, [join(root, 'bench/upstream.ts')], 1));
  const upstream = `http://127.0.0.1:${upstreamPort}`;
  const relay = start(process.execPath, [join(root, 'bench/relay.ts'), upstream], 0);
  const relayPort = await portOf(relay);
  // By chat whatever the client speaks, so that what a surface costs is its own translation.
  const config = join(folder, 'moongate.yaml');
  writeFileSync(config, 'upstreams: [{ id: moonshot, kind: moonshot, protocols: [openai-chat] }]\n');
  const moongate = start(process.execPath, ['--max-semi-space-size=32', join(root, 'src/start.mjs'), '--port', '0', '--data-dir', join(folder, 'data'), '--config', config], 0, {
    MOONSHOT_API_KEY: 'sk-bench',
    MOONSHOT_BASE_URL: `${upstream}/v1`,
    MOONGATE_LOG_LEVEL: 'warn',
  });
  const { url: moongateUrl, key } = await greetingOf(moongate);
  const nginx = await startNginx(folder, upstreamPort, start);
  const all: Target[] = [
    { name: 'direct', url: upstream, key: 'sk-bench', pids: () => [] },
    ...(nginx === undefined ? [] : [nginx]),
    { name: 'relay', url: `http://127.0.0.1:${relayPort}`, key: 'sk-bench', pids: () => [pidOf(relay)] },
    { name: 'moongate', url: moongateUrl, key, pids: () => [pidOf(moongate)] },
  ];
  return {
    all,
    async stop() {
      const ended = children.map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(ended);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** `taskset` executes the command in its own place, so the child's pid is the command's. */
function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('a benchmark process did not start');
  return child.pid;
}

async function portOf(child: ChildProcess): Promise<number> {
  return Number((await matchOutput(child, /listening (\d+)/))[1]);
}

async function greetingOf(child: ChildProcess): Promise<{ url: string; key: string }> {
  const text = await matchOutput(child, /(http:\/\/127\.0\.0\.1:\d+)[\s\S]*?\b(sk-[0-9A-Za-z]{59})\b/);
  return { url: text[1] as string, key: text[2] as string };
}

function matchOutput(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (part: Buffer) => {
      text += part.toString('utf8');
      const match = pattern.exec(text);
      if (match !== null) resolve(match);
    });
    child.once('exit', (code) => reject(new Error(`a benchmark process ended with ${code} before it listened`)));
  });
}

type Start = (command: string, args: readonly string[], core: number) => ChildProcess;

async function startNginx(folder: string, upstreamPort: number, start: Start): Promise<Target | undefined> {
  const binary = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find((path) => {
    try {
      readFileSync(path).subarray(0, 1);
      return true;
    } catch {
      return false;
    }
  });
  if (binary === undefined) return undefined;
  const port = await freePort();
  const config = join(folder, 'nginx.conf');
  writeFileSync(config, nginxConfig(folder, port, upstreamPort));
  const child = start(binary, ['-p', folder, '-c', config, '-e', join(folder, 'nginx-error.log')], 0);
  await answering(port);
  const worker = readFileSync(`/proc/${pidOf(child)}/task/${pidOf(child)}/children`, 'utf8').trim().split(/\s+/).map(Number);
  return { name: 'nginx', url: `http://127.0.0.1:${port}`, key: 'sk-bench', pids: () => [pidOf(child), ...worker] };
}

function nginxConfig(folder: string, port: number, upstreamPort: number): string {
  return `daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid ${folder}/nginx.pid;
events { worker_connections 8192; }
http {
  access_log off; client_max_body_size 64m; client_body_buffer_size 2m; keepalive_requests 1000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream model { server 127.0.0.1:${upstreamPort}; keepalive 4096; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } }
}
`;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const up = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' }).then(() => true, () => false);
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('nginx did not start');
}
