import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endlessPdf } from '../../../tests/doubles/small-pdf.ts';
import { Confinement, type ConfinementKind } from './confinement.ts';
import { readingSettings } from './reading-limits.ts';
import { readingProgram } from './reading-program.ts';

const path = process.env['PATH'];
const found = await Promise.all((['bubblewrap', 'unshare'] as const).map(async (kind) => ((await Confinement.probe(readingProgram(), path, [kind])).kind === kind ? kind : undefined)));
const hasOcr = (await Confinement.probe(readingProgram(), path, [])).ocr !== undefined;
const isLinux = process.platform === 'linux';
const { limits } = readingSettings(2, { memoryMb: 781 });

/** Tells on descriptor 3 what it can reach. */
const prober = (port: number): string => `
  import { readFileSync, readdirSync, writeSync } from 'node:fs';
  import { connect } from 'node:net';
  const tried = (act) => { try { return String(act()); } catch (error) { return 'refused: ' + error.code; } };
  const network = await new Promise((resolve) => connect(${port}, '127.0.0.1').on('connect', () => resolve('connected')).on('error', (error) => resolve('refused: ' + error.code)));
  writeSync(3, JSON.stringify({
    network,
    file: tried(() => readFileSync('/etc/passwd').length),
    folder: tried(() => readdirSync('/').length),
    beside: tried(() => readFileSync(new URL('secret', import.meta.url))),
    processes: tried(() => readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length),
    environment: Object.keys(process.env).filter((name) => name !== 'PWD'),
    evaluated: tried(() => eval('1')),
    priority: (await import('node:os')).getPriority(),
  }));
  process.exit();
`;

describe.skipIf(!isLinux)('reading processes (needs Linux)', () => {
  let folder: string;
  let listener: Server;
  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'moongate-confinement-')));
    listener = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => {
      listener.listen(0, '127.0.0.1', resolve);
    });
    writeFileSync(join(folder, 'secret'), 'a secret');
    writeFileSync(join(folder, 'prober.mjs'), prober((listener.address() as AddressInfo).port));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await new Promise((resolve) => {
      listener.close(resolve);
    });
  });

  /** `unbelted`: without Node's own permissions, as if a document had got the better of Node. */
  async function probed(kinds: readonly ConfinementKind[], unbelted = false): Promise<Record<string, unknown>> {
    const entry = join(folder, 'prober.mjs');
    const confinement = await Confinement.probe({ node: realpathSync(process.execPath), entry, files: [entry] }, path, kinds);
    const [program, ...list] = confinement.command(limits);
    const child = spawn(program, unbelted ? list.filter((word) => !/^--(permission$|allow-)/.test(word)) : list, { env: {}, cwd: '/', stdio: ['pipe', 'ignore', 'ignore', 'pipe'] });
    return JSON.parse(await text(child.stdio[3] as Readable)) as Record<string, unknown>;
  }

  for (const kind of ['bubblewrap', 'unshare'] as const) {
    it.skipIf(!found.includes(kind))(`held by ${kind} reach no network, no file and no environment (needs ${kind})`, async () => {
      const reached = await probed([kind]);
      expect(reached).toMatchObject({ environment: [], file: 'refused: ERR_ACCESS_DENIED', folder: 'refused: ERR_ACCESS_DENIED', priority: 10 });
      expect(reached['network']).toMatch(/^refused: E/);
      expect(reached['evaluated']).toMatch(/^refused/);
    });
  }

  it.skipIf(!found.includes('bubblewrap'))('held by bubblewrap see no files and processes of the machine, whatever Node lets them (needs bubblewrap)', async () => {
    expect(await probed([], true)).toMatchObject({ file: expect.stringMatching(/^\d+$/), beside: 'a secret', processes: expect.stringMatching(/^\d+$/) });
    const held = await probed(['bubblewrap'], true);
    expect(held).toMatchObject({ file: 'refused: ENOENT', beside: 'refused: ENOENT', environment: [] });
    // Bubblewrap's own and Node.
    expect(Number(held['processes'])).toBeLessThanOrEqual(3);
    expect(held['network']).toMatch(/^refused: E/);
  });

  it('that nothing holds can use the network, and it is said so', async () => {
    expect((await probed([]))['network']).toBe('connected');
    const confinement = await Confinement.probe(readingProgram(), path, []);
    expect([confinement.kind, confinement.offline]).toEqual(['none', false]);
    // Without any of the system's programs there is not even a limit on memory.
    const bare = await Confinement.probe(readingProgram(), undefined);
    expect([bare.kind, bare.limitsMemory, bare.ocr]).toEqual(['none', false, undefined]);
  });

  it.skipIf(!found.includes('unshare') || !hasOcr)('held by unshare take tesseract with them, when the server ends in the middle of a picture (needs unshare and tesseract)', async () => {
    const server = startServer('unshare', folder, { filename: 'a.bmp', bytes: noise(3000) });
    try {
      await eventually(() => groupsOf('unshare').some(isReadingPicture));
      const group = groupsOf('unshare').find(isReadingPicture) ?? '';
      server.kill('SIGKILL');
      // Sooner than it would be done with the picture.
      await eventually(() => processes().every((one) => one.group !== group), 20);
    } finally {
      server.kill('SIGKILL');
    }
  });

  for (const kind of ['bubblewrap', 'unshare', 'none'] as const) {
    it.skipIf(kind !== 'none' && !found.includes(kind))(`held by ${kind} die with the server, also in the middle of a document (needs ${kind})`, async () => {
      const server = startServer(kind, folder, { filename: 'a.pdf', bytes: endlessPdf(40) });
      try {
        await eventually(() => groupsOf(kind).length > 0);
        expect(await said(server)).toContain('reading');
        server.kill('SIGKILL');
        await eventually(() => groupsOf(kind).length === 0);
      } finally {
        server.kill('SIGKILL');
      }
    });
  }
});

const marks = { bubblewrap: 791, unshare: 792, none: 793 } as const;

/** A server that has a document read that takes long, and that has no time to say goodbye. */
function startServer(kind: keyof typeof marks, folder: string, { filename, bytes }: { readonly filename: string; readonly bytes: Buffer }): ChildProcess {
  const urlOf = (name: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, name)).href);
  const document = join(folder, `${kind}-${filename}`);
  writeFileSync(document, bytes);
  const script = `
    const { Confinement } = await import(${urlOf('confinement.ts')});
    const { ConfinedExtractor } = await import(${urlOf('confined-extractor.ts')});
    const { readingProgram } = await import(${urlOf('reading-program.ts')});
    const { readingSettings } = await import(${urlOf('reading-limits.ts')});
    const confinement = Confinement.probe(readingProgram(), process.env.PATH, [${JSON.stringify(kind)}]);
    const extractor = new ConfinedExtractor({ settings: readingSettings(2, { memoryMb: ${marks[kind]}, spares: 1 }), confinement });
    const bytes = (await import('node:fs')).readFileSync(${JSON.stringify(document)});
    await extractor.extract({ filename: '${filename}', bytes: bytes.length, async *read() { yield bytes; console.log('reading'); } });
  `;
  const file = join(folder, `${kind}.mjs`);
  writeFileSync(file, script);
  return spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: path } });
}

async function said(server: ChildProcess): Promise<string> {
  for await (const piece of server.stdout ?? []) return String(piece);
  return '';
}

interface Listed {
  readonly group: string;
  /** Of processor time. */
  readonly seconds: number;
  readonly command: string;
}

function processes(): readonly Listed[] {
  const list = execFileSync('ps', ['-A', '-ww', '-o', 'pgid=,times=,args='], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  return list.split('\n').map((line) => {
    const [group = '', seconds] = line.trim().split(/\s+/, 2);
    return { group, seconds: Number(seconds), command: line };
  });
}

/** The groups of those reading processes that a server of this kind has started. */
function groupsOf(kind: keyof typeof marks): readonly string[] {
  return processes().filter(({ command }) => command.includes(`--max-old-space-size=${marks[kind] - 560} `)).map(({ group }) => group);
}

/** It has the picture already: the end of its input would not end it. */
function isReadingPicture(group: string): boolean {
  return processes().some((one) => one.group === group && one.command.includes('tesseract stdin') && one.seconds >= 1);
}

/** A grey picture in which tesseract looks for letters for a long time. */
function noise(pixels: number): Buffer {
  const head = Buffer.alloc(54 + 1024);
  head.write('BM');
  head.writeUInt32LE(head.length + pixels * pixels, 2);
  head.writeUInt32LE(head.length, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(pixels, 18);
  head.writeInt32LE(pixels, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(8, 28);
  for (let grey = 0; grey < 256; grey += 1) head.fill(grey, 54 + grey * 4, 57 + grey * 4);
  return Buffer.concat([head, randomBytes(pixels * pixels)]);
}

async function eventually(check: () => boolean, triesMax = 200): Promise<void> {
  for (let count = 0; count < triesMax && !check(); count += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(check()).toBe(true);
}
