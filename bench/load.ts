import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Pool } from 'undici';
import type { Target } from './targets.ts';

/** The surfaces that are measured, by their paths. */
export type Surface = 'chat/completions' | 'messages' | 'responses';

/** The same request in each surface's words; the instruction stands first in what the upstream gets. */
export function surfaceBody(surface: Surface, instruction: string): string {
  const user = { role: 'user', content: 'The quick brown fox jumps over the lazy dog.' };
  switch (surface) {
    case 'chat/completions':
      return requestBody(200, instruction, true);
    case 'messages':
      return JSON.stringify({ system: instruction, messages: [user], model: 'kimi-k3', max_tokens: 32_000, stream: true });
    case 'responses':
      return JSON.stringify({ instructions: instruction, input: [user], model: 'kimi-k3', store: false, stream: true });
  }
}

/** A chat request whose prompt is about `bytes` long, and what the upstream is to do with it. */
export function requestBody(bytes: number, instruction: string, streamed: boolean): string {
  const filler = 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(bytes / 45)).slice(0, bytes);
  // Ten messages, as a conversation has, rather than one long string.
  const piece = Math.ceil(filler.length / 10);
  const messages = [{ role: 'system', content: instruction === '' ? 'You are Kimi.' : instruction }];
  for (let at = 0; at < filler.length; at += piece) messages.push({ role: 'user', content: filler.slice(at, at + piece) });
  return JSON.stringify({ messages, model: 'kimi-k3', ...(streamed ? { stream: true } : {}) });
}

/** CPU time in milliseconds that the processes of a road have used so far, all threads, user and system. */
export function cpuMs(target: Target): number {
  let ticks = 0;
  for (const pid of target.pids()) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  // Linux counts in ticks of 10 ms; the runs are long enough for that.
  return ticks * 10;
}

/** Resident memory of a road's processes, in bytes. */
export function residentBytes(target: Target): number {
  let kibibytes = 0;
  for (const pid of target.pids()) kibibytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  return kibibytes * 1024;
}

export interface LoadResult {
  readonly cpuMsPerRequest: number;
  readonly latencyMsMedian: number;
}

/** Sends `count` requests, `clients` at a time, and reads every answer to its end. Throws when one is not a 200. */
export async function load(target: Target, body: string, count: number, clients: number, surface: Surface = 'chat/completions'): Promise<LoadResult> {
  const pool = new Pool(target.url, { connections: clients, pipelining: 1 });
  const latencies: number[] = [];
  let next = 0;
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${target.key}` };
  const client = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      const started = performance.now();
      const reply = await pool.request({ path: `/v1/${surface}`, method: 'POST', headers, body }).catch((cause: unknown) => {
        throw new Error(`${target.name} did not answer`, { cause });
      });
      if (reply.statusCode !== 200) throw new Error(`${target.name} answered ${reply.statusCode}: ${await reply.body.text()}`);
      await reply.body.dump({ limit: 1 << 30 });
      latencies.push(performance.now() - started);
    }
  };
  const before = cpuMs(target);
  await Promise.all(Array.from({ length: clients }, client));
  const spent = cpuMs(target) - before;
  await pool.destroy();
  return { cpuMsPerRequest: spent / count, latencyMsMedian: median(latencies) };
}

/** Memory that `count` open connections cost a road, in bytes each; `read` false: clients that take nothing. */
export async function memoryPerStream(target: Target, body: string, count: number, options: { read: boolean; settleMs: number }): Promise<number> {
  const before = residentBytes(target);
  const { hostname, port } = new URL(target.url);
  const sockets: Socket[] = [];
  const text =
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n` +
    `authorization: Bearer ${target.key}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  for (let index = 0; index < count; index += 1) {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => socket.destroy());
    if (options.read) socket.resume();
    else socket.pause();
    socket.write(text);
    sockets.push(socket);
    if (index % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, options.settleMs));
  const bytes = (residentBytes(target) - before) / count;
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return bytes;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
