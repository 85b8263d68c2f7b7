import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { parseRootSecret, type RootSecret } from '../base/secret.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import { FolderLock } from './folder-lock.ts';

export interface DataFolderOptions {
  /** A fresh admin token, for a folder that has none. Its form belongs to `access/`. */
  readonly mintAdminToken: () => string;
  /** The admin token of every server that shares a database, in place of one of this folder's own; it replaces the one in the file. */
  readonly sharedAdminToken?: string;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface AdminToken {
  readonly token: string;
  /** True the first time; the only time to print it. */
  readonly created: boolean;
}

/**
 * Opens the folder at `path` for this process alone: creates it (0700) if need be, takes its lock, and reads or creates
 * the admin token. Throws `StartRefusal` in one line when another server holds it, naming that one, when it cannot be
 * written, or when its secrets can be read by others.
 */
export async function openDataFolder(path: string, options: DataFolderOptions): Promise<DataFolder> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartRefusal(`the data folder ${path} cannot be created: ${textOf(error)}`, error);
  }
  const lock = await FolderLock.take(path, options.clock ?? systemClock);
  try {
    const file = adminTokenFile(join(path, 'admin-token'), options);
    return new DataFolder(path, lock, { token: file.text, created: file.created }, options.random ?? systemRandom);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** What a server keeps on disk, held by one server at a time. */
export class DataFolder implements AsyncDisposable {
  readonly path: string;
  readonly databasePath: string;
  readonly adminToken: AdminToken;
  readonly #lock: FolderLock;
  readonly #random: Random;

  /** Use `openDataFolder`. */
  constructor(path: string, lock: FolderLock, adminToken: AdminToken, random: Random) {
    this.path = path;
    this.databasePath = join(path, 'moongate.db');
    this.adminToken = adminToken;
    this.#lock = lock;
    this.#random = random;
  }

  /**
   * The root secret: `environmentText` (MOONGATE_SECRET) when it is given, else that of the file `secret` (0600, 32
   * random bytes in hex), which is created if need be. Throws `StartRefusal` when it is short or readable by others.
   */
  rootSecret(environmentText?: string): RootSecret {
    if (environmentText !== undefined) return parseRootSecret(environmentText);
    const path = join(this.path, 'secret');
    return parseRootSecret(secretFile(path, () => this.#random.bytes(32).toString('hex')).text, path);
  }

  /** Writes the address that the server answers at into the lock file, where the command line looks for it. */
  announce(url: string): void {
    this.#lock.announce(url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock.release();
  }
}

function adminTokenFile(path: string, { mintAdminToken, sharedAdminToken }: DataFolderOptions): { readonly text: string; readonly created: boolean } {
  if (sharedAdminToken === undefined) return secretFile(path, mintAdminToken);
  const file = secretFile(path, () => sharedAdminToken);
  if (file.text === sharedAdminToken) return file;
  rmSync(path);
  return secretFile(path, () => sharedAdminToken);
}

/**
 * The text of the file at `path`, or of a new one (0600). The caller holds the folder's lock, so nobody else creates it
 * meanwhile; the rename makes sure that a crash leaves all of it or nothing.
 */
function secretFile(path: string, create: () => string): { readonly text: string; readonly created: boolean } {
  try {
    const existing = existingSecret(path);
    if (existing !== undefined) return { text: existing, created: false };
    const text = create();
    const fresh = `${path}.new`;
    rmSync(fresh, { force: true });
    const file = openSync(fresh, 'wx', 0o600);
    try {
      writeSync(file, `${text}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // Against a umask that takes even the owner's right to read.
    chmodSync(fresh, 0o600);
    renameSync(fresh, path);
    syncFolderOf(path);
    return { text, created: true };
  } catch (error) {
    if (error instanceof StartRefusal) throw error;
    throw new StartRefusal(`${path}: ${textOf(error)}`, error);
  }
}

function existingSecret(path: string): string | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return undefined;
  // Windows has no such bits.
  if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {
    throw new StartRefusal(`${path} can be read by other users of this machine; run: chmod 600 ${path}`);
  }
  const text = readFileSync(path, 'utf8').trim();
  if (text === '') throw new StartRefusal(`${path} is empty; restore it from a backup, or remove it to get a new one`);
  return text;
}

function syncFolderOf(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(join(path, '..'), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
