import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cacheFolder = process.env['MOONGATE_CLIENTS_CACHE'] ?? join(import.meta.dirname, '../../node_modules/.cache/moongate-clients');

/** How long to ask whether there is a registry at all, and how long an install may take (the largest is 420 MB): over a slow line the tests are skipped. */
const askMs = 10_000;
const installMs = 60_000;

/** A client of somebody else's, as it comes from npm, in a folder of its own beside our own dependencies. */
export class NpmClient {
  /** Ends the title of its tests: what they need, and, when it cannot be had, why. */
  readonly needs: string;
  readonly #folder: string | undefined;

  constructor(packages: readonly string[], folder: string | undefined, why = '') {
    this.needs = `${packages.join(', ')} from npm${why}`;
    this.#folder = folder;
  }

  /** True when it can neither be found nor installed: its tests are skipped. */
  get missing(): boolean {
    return this.#folder === undefined;
  }

  /** The path of a file of an installed package: `path('@openai/codex', 'bin/codex.js')`. */
  path(packageName: string, file: string): string {
    return join(this.#folder ?? '', 'node_modules', packageName, file);
  }

  /** The module that a package exports. Its declarations are not installed: the caller says which part of it it means. */
  load(packageName: string): unknown {
    return createRequire(join(this.#folder ?? '', 'package.json'))(packageName);
  }
}

/**
 * The client that these packages (`name@version`, pinned) make up. Installed at first use, without running install scripts,
 * from the registry that npm is configured with, into MOONGATE_CLIENTS_CACHE or `node_modules/.cache/moongate-clients`; from
 * then on it is just there. It is `missing` without a registry, or where that is too slow. Throws when npm finds the packages and fails to install them.
 */
export async function npmClient(...packages: readonly string[]): Promise<NpmClient> {
  const folder = join(cacheFolder, packages.join('+').replaceAll('/', '-'));
  if (existsSync(folder)) return new NpmClient(packages, folder);
  try {
    await npm(['view', packages[0] ?? '', 'version', '--fetch-retries=0', `--fetch-timeout=${askMs / 2}`], askMs);
  } catch {
    return new NpmClient(packages, undefined, ', which has no answer');
  }
  mkdirSync(cacheFolder, { recursive: true });
  const unfinished = mkdtempSync(join(cacheFolder, 'unfinished-'));
  try {
    writeFileSync(join(unfinished, 'package.json'), '{ "private": true }\n');
    await npm(['install', '--prefix', unfinished, ...packages, '--save-exact', '--ignore-scripts', '--no-audit', '--no-fund'], installMs);
    moveInto(folder, unfinished);
  } catch (error) {
    if (isKilled(error)) return new NpmClient(packages, undefined, `, which took more than ${installMs / 1000} s`);
    throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return new NpmClient(packages, folder);
}

function isKilled(error: unknown): boolean {
  return error instanceof Error && 'killed' in error && error.killed === true;
}

/** A folder with its last name is whole. Another run may have been faster; then its folder stays. */
function moveInto(folder: string, unfinished: string): void {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

async function npm(args: readonly string[], timeoutMs: number): Promise<void> {
  await run('npm', args, { timeout: timeoutMs, killSignal: 'SIGKILL' });
}
