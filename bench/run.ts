/**
 * `npm run bench [-- --rounds N] [--quick]`: what Moongate costs beside a direct call, nginx and a bare relay. All roads run
 * at once and are measured in turns, so that a noisy machine is noisy for all; the table holds medians over the rounds.
 * Writes bench/RESULTS.md.
 */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { load, median, memoryPerStream, requestBody, type Surface, surfaceBody } from './load.ts';
import { writeCallResults } from './results-file.ts';
import { startTargets, type Target } from './targets.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, quick: { type: 'boolean', default: false } } });
const rounds = values.quick ? 1 : Number(values.rounds);
const scale = values.quick ? 0.1 : 1;

interface Scenario {
  readonly name: string;
  readonly unit: string;
  readonly digits: number;
  readonly measure: (target: Target) => Promise<number>;
}

interface Size {
  readonly label: string;
  readonly bytes: number;
  readonly count: number;
  /** Enough to keep the server busy: what an idle one spends on falling asleep and waking up is no cost of a request. */
  readonly clients: number;
}

const sizes: readonly Size[] = [
  { label: '0.2 kB', bytes: 200, count: 4000, clients: 64 },
  { label: '100 kB', bytes: 100_000, count: 600, clients: 32 },
  { label: '1 MB', bytes: 1_000_000, count: 80, clients: 8 },
];

function perRequest({ bytes, count, clients }: Size, instruction: string): (target: Target) => Promise<number> {
  const body = requestBody(bytes, instruction, instruction !== '');
  return async (target) => (await load(target, body, Math.ceil(count * scale), clients)).cpuMsPerRequest * 1000;
}

/** The slope between a long and a short stream: the request's own cost falls out. One chunk a read, as a model sends them. */
async function perChunk(target: Target, surface: Surface = 'chat/completions'): Promise<number> {
  const streams = Math.ceil(64 * scale);
  const short = await load(target, surfaceBody(surface, 'chunks=10 gapMs=4'), streams, 64, surface);
  const long = await load(target, surfaceBody(surface, 'chunks=610 gapMs=4'), streams, 64, surface);
  return ((long.cpuMsPerRequest - short.cpuMsPerRequest) * 1000) / 600;
}

/** Of what only Moongate speaks. Chat stands first, measured again in the same turns: the others are compared with it. */
const surfaces: readonly { readonly name: string; readonly surface: Surface }[] = [
  { name: 'Chat', surface: 'chat/completions' }, { name: 'Messages', surface: 'messages' }, { name: 'Responses', surface: 'responses' },
];

async function latency(target: Target): Promise<number> {
  return (await load(target, requestBody(200, '', false), Math.ceil(1000 * scale), 1)).latencyMsMedian * 1000;
}

const scenarios: readonly Scenario[] = [
  ...sizes.map((size) => ({ name: `CPU per request, ${size.label} prompt`, unit: 'µs', digits: 0, measure: perRequest(size, '') })),
  ...sizes.map((size) => ({ name: `CPU per stream of 20 chunks, ${size.label} prompt`, unit: 'µs', digits: 0, measure: perRequest(size, 'chunks=20 gapMs=0') })),
  { name: 'CPU per streamed chunk', unit: 'µs', digits: 1, measure: (target) => perChunk(target) },
  { name: 'median latency, one client', unit: 'µs', digits: 0, measure: latency },
];

const openStreams = values.quick ? 200 : 2000;
const stalledStreams = values.quick ? 20 : 500;
const memory: readonly Scenario[] = [
  {
    name: `memory per open stream (${openStreams})`, unit: 'KiB', digits: 1,
    measure: async (target) => (await memoryPerStream(target, requestBody(200, 'chunks=60 gapMs=1000', true), openStreams, { read: true, settleMs: 8_000 })) / 1024,
  },
  {
    name: `memory per stalled stream (${stalledStreams}, 8 MiB waiting)`, unit: 'KiB', digits: 1,
    measure: async (target) => (await memoryPerStream(target, requestBody(200, 'flood=8388608', true), stalledStreams, { read: false, settleMs: 5_000 })) / 1024,
  },
];

const targets = await startTargets();
const results = new Map<string, number[]>();
const keyOf = (scenario: Scenario, target: Target): string => `${scenario.name}\n${target.name}`;
try {
  // Memory first, on processes that have served a little and are not yet full of yesterday's heap.
  for (const target of targets.all) await load(target, requestBody(200, 'chunks=20 gapMs=0', true), 500, 16);
  for (const scenario of memory) {
    for (const target of targets.all) if (target.name !== 'direct') results.set(keyOf(scenario, target), [await scenario.measure(target)]);
  }
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, surface } of surfaces) {
      const moongate = targets.all.find((target) => target.name === 'moongate');
      if (moongate === undefined) throw new Error('Moongate is not among the roads');
      const value = await perChunk(moongate, surface);
      if (round > 0) results.set(name, [...(results.get(name) ?? []), value]);
    }
    for (const scenario of scenarios) {
      for (const target of targets.all) {
        const value = await scenario.measure(target);
        // Round 0 warms everything up and is thrown away.
        if (round > 0) results.set(keyOf(scenario, target), [...(results.get(keyOf(scenario, target)) ?? []), value]);
      }
    }
    process.stderr.write(`round ${round} of ${rounds} done\n`);
  }
} finally {
  await targets.stop();
}

function cell(scenario: Scenario, name: string): number | undefined {
  const found = results.get(`${scenario.name}\n${name}`);
  return found === undefined ? undefined : median(found);
}

function row(scenario: Scenario): string {
  const [direct, nginx, relay, moongate] = ['direct', 'nginx', 'relay', 'moongate'].map((name) => cell(scenario, name));
  const hasDirect = scenario.name.includes('latency');
  const show = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(scenario.digits));
  const ratio = relay === undefined || moongate === undefined || relay === 0 ? '–' : `${(moongate / relay).toFixed(2)}×`;
  return `| ${scenario.name} | ${scenario.unit} | ${hasDirect ? show(direct) : '–'} | ${show(nginx)} | ${show(relay)} | ${show(moongate)} | ${ratio} |`;
}

function surfaceRow({ name }: (typeof surfaces)[number]): string {
  const [own, chat] = [median(results.get(name) ?? []), median(results.get('Chat') ?? [])];
  return `| ${name} | ${own.toFixed(1)} µs | ${(own / chat).toFixed(2)}× |`;
}

const report = `# Benchmark results

${new Date().toISOString().slice(0, 10)}; ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, Node ${process.versions.node};
${rounds} rounds, interleaved, medians. Servers on core 0, load and upstream on core 1. Moongate runs as shipped: key check, the worst
case held in the ledger before the upstream is asked, the charge and its record booked together before the last byte leaves; 64, 32 and 8 clients at the three sizes. Trust the ratios, not the absolute figures. \`npm run bench\` writes this file.

| what | unit | direct | nginx | bare relay | Moongate | Moongate ÷ relay |
|---|---|---|---|---|---|---|
${[...scenarios, ...memory].map(row).join('\n')}

CPU per streamed chunk at each surface, over an upstream that speaks chat (Chat hands its frames on; the others are translated):

| surface | per chunk | ÷ Chat |
|---|---|---|
${surfaces.map(surfaceRow).join('\n')}
`;
if (!values.quick) writeCallResults(report);
process.stdout.write(report);
