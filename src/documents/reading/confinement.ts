import { execFile } from 'node:child_process';
import { foldersOfPath, findProgram } from './program-search.ts';
import type { ReadingLimits } from './reading-limits.ts';
import type { ReadingProgram } from './reading-program.ts';
import { type OcrInstallation, findOcr } from './ocr-installation.ts';

/** What holds a reading process: `bubblewrap` hides files, processes and network, `unshare` the network, `none` neither. */
export type ConfinementKind = 'bubblewrap' | 'unshare' | 'none';

/** The programs of this machine that hold a reading process. */
interface Holders {
  readonly ps: string | undefined;
  readonly nice: string | undefined;
  readonly prlimit: string | undefined;
  readonly setpriv: string | undefined;
  /** Program and arguments that run what follows without a network. */
  readonly unshare: readonly string[] | undefined;
  readonly bwrap: string | undefined;
}

/** Lower than the server's: who waits for a document may wait for a stream of tokens. */
const niceness = '10';
const probeLimitMs = 10_000;

/** Folders with the libraries that Node and tesseract are linked to. */
const libraryFolders = ['/usr/lib', '/usr/lib64', '/usr/local/lib', '/lib', '/lib64', '/nix/store'];

/** How reading processes are held on this machine; found out once, at the start, by trying. */
export class Confinement {
  readonly kind: ConfinementKind;
  readonly ocr: OcrInstallation | undefined;
  readonly #holders: Holders;
  readonly #program: ReadingProgram;

  private constructor(kind: ConfinementKind, holders: Holders, program: ReadingProgram, ocr: OcrInstallation | undefined) {
    this.kind = kind;
    this.#holders = holders;
    this.#program = program;
    this.ocr = ocr;
  }

  /**
   * Tries what there is on the search path `path`, the strictest first, by starting Node in it. `kinds` are those to be tried,
   * for tests: `none` always works.
   */
  static async probe(program: ReadingProgram, path: string | undefined, kinds: readonly ConfinementKind[] = ['bubblewrap', 'unshare']): Promise<Confinement> {
    const folders = foldersOfPath(path);
    const find = (name: string): Promise<string | undefined> => findProgram(name, folders);
    const findOnLinux = async (name: string): Promise<string | undefined> => (process.platform === 'linux' ? find(name) : undefined);
    const [ps, nice, prlimit, setpriv, unshare, bwrap, ocr] = await Promise.all([
      find('ps'), find('nice'), findOnLinux('prlimit'), findOnLinux('setpriv'), findOnLinux('unshare'), findOnLinux('bwrap'), findOcr(folders),
    ]);
    const held = { ps, nice, prlimit, setpriv, bwrap };
    if (bwrap !== undefined && kinds.includes('bubblewrap')) {
      const confinement = new Confinement('bubblewrap', { ...held, unshare: undefined }, program, ocr);
      if (await confinement.#works()) return confinement;
    }
    if (unshare !== undefined && kinds.includes('unshare')) {
      for (const flags of [['--net'], ['--map-root-user', '--net']]) {
        const confinement = new Confinement('unshare', { ...held, unshare: [unshare, ...flags, '--'] }, program, ocr);
        if (await confinement.#works()) return confinement;
      }
    }
    return new Confinement('none', { ...held, unshare: undefined }, program, ocr);
  }

  /** Whether the kernel holds the memory limit; where it does not, somebody has to watch. */
  get limitsMemory(): boolean {
    return this.#holders.prlimit !== undefined;
  }

  /** The program that lists processes, for watching them. */
  get ps(): string | undefined {
    return this.#holders.ps;
  }

  /** Whether the process has no network. */
  get offline(): boolean {
    return this.kind !== 'none';
  }

  /** Program and arguments of one reading process. To be run with an empty environment. */
  command(limits: ReadingLimits): readonly [string, ...string[]] {
    return this.#around(limits, [this.#program.node, ...nodeFlags(limits, this.#program, this.ocr), this.#program.entry]);
  }

  /** Program and arguments that run tesseract in a reading process, with which it ends. Undefined: there is none. */
  get ocrCommand(): readonly [string, ...string[]] | undefined {
    if (this.ocr === undefined) return undefined;
    const { setpriv } = this.#holders;
    // Bubblewrap ends all that is in it.
    return this.kind === 'bubblewrap' || setpriv === undefined ? [this.ocr.program] : [setpriv, '--pdeathsig', 'KILL', '--', this.ocr.program];
  }

  async #works(): Promise<boolean> {
    const limits = { memoryMb: 768, timeMs: probeLimitMs };
    const [program, ...list] = this.#around(limits, [this.#program.node, '--version']);
    return new Promise((resolve) => {
      execFile(program, list, { env: {}, cwd: '/', timeout: probeLimitMs, killSignal: 'SIGKILL' }, (error, output) => resolve(error === null && output.startsWith('v')));
    });
  }

  #around(limits: Pick<ReadingLimits, 'memoryMb' | 'timeMs'>, inner: readonly [string, ...string[]]): readonly [string, ...string[]] {
    const { nice, prlimit, setpriv, unshare, bwrap } = this.#holders;
    const layers: string[] = [];
    if (nice !== undefined) layers.push(nice, '-n', niceness);
    if (prlimit !== undefined) {
      // No limit on processes: Linux counts all that the user has, not those of this one.
      const cpuSeconds = Math.ceil(limits.timeMs / 1000) + 1;
      // The soft limit's signal tells that it was time; the hard one's would be the same as for memory.
      layers.push(prlimit, `--data=${limits.memoryMb * 1024 * 1024}`, `--cpu=${cpuSeconds}:${cpuSeconds + 1}`, '--nofile=64', '--core=0', '--');
    }
    if (this.kind === 'bubblewrap' && bwrap !== undefined) layers.push(bwrap, ...this.#bubblewrapFlags(), '--');
    else {
      if (unshare !== undefined) layers.push(...unshare);
      // The end of its standard input ends the process as well, but not while it is busy.
      if (setpriv !== undefined) layers.push(setpriv, '--pdeathsig', 'KILL', '--');
    }
    const [program = inner[0], ...list] = [...layers, ...inner];
    return [program, ...list];
  }

  #bubblewrapFlags(): readonly string[] {
    const { node, files } = this.#program;
    const seen = [...new Set([node, ...files, ...(this.ocr === undefined ? [] : [this.ocr.program, this.ocr.languageFolder])])];
    return [
      '--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL',
      // First, since what is mounted later lies on top: the program may be installed below one of these.
      '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--chdir', '/tmp',
      ...libraryFolders.flatMap((folder) => ['--ro-bind-try', folder, folder]),
      ...seen.flatMap((path) => ['--ro-bind', path, path]),
    ];
  }
}

/** Node's own belt below the system's: no files but the program's, no processes but tesseract, no add-ons, no `eval`. */
function nodeFlags({ memoryMb }: ReadingLimits, program: ReadingProgram, ocr: OcrInstallation | undefined): readonly string[] {
  // V8 has to collect garbage before the limit on data ends it: what is left of it beside the code range that V8 reserves.
  const heapMb = Math.max(96, memoryMb - 560);
  return [
    `--max-old-space-size=${heapMb}`, '--max-semi-space-size=8', '--v8-pool-size=1',
    '--permission', ...program.files.map((file) => `--allow-fs-read=${file}`), ...(ocr === undefined ? [] : ['--allow-child-process']),
    '--no-addons', '--disallow-code-generation-from-strings', '--no-warnings',
  ];
}
