import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartRefusal } from '../base/start-refusal.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { readLockHolder } from './folder-lock.ts';

let root: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'moongate-folder-'));
  path = join(root, 'data');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const open = (): Promise<DataFolder> => openDataFolder(path, { mintAdminToken: () => 'mgadm-test' });
const modeOf = (name: string): number => statSync(join(path, name)).mode & 0o777;
const lockPath = (): string => join(path, 'moongate.lock');

/** A process that tries to open the folder, says how that went, and holds it until it is killed. */
function starter(): { readonly child: ChildProcess; readonly verdict: Promise<string> } {
  const program = `
    const { openDataFolder } = await import(${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)});
    try {
      const folder = await openDataFolder(${JSON.stringify(path)}, { mintAdminToken: () => 'mgadm-child' });
      folder.announce('http://127.0.0.1:1234');
      console.log('won');
      setInterval(() => {}, 1000);
    } catch (error) { console.log('lost ' + error.message); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const verdict = new Promise<string>((resolve) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text.trim());
    });
    child.on('exit', () => resolve(text.trim()));
  });
  return { child, verdict };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

describe('openDataFolder', () => {
  it('creates the folder, the secret and the admin token for their owner only', async () => {
    await using folder = await open();
    const secret = folder.rootSecret();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(modeOf('secret')).toBe(0o600);
    expect(modeOf('admin-token')).toBe(0o600);
    expect(modeOf('moongate.guard')).toBe(0o600);
    expect(modeOf('moongate.lock')).toBe(0o600);
    expect(readFileSync(join(path, 'secret'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(secret.derive('cookie', 1)).toEqual(folder.rootSecret().derive('cookie', 1));
    expect(folder.adminToken).toEqual({ token: 'mgadm-test', created: true });
    expect(readdirSync(path).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('finds the same secret and token again', async () => {
    let first: Buffer;
    {
      await using folder = await open();
      first = folder.rootSecret().derive('key-hmac', 1);
    }
    await using folder = await openDataFolder(path, { mintAdminToken: () => 'mgadm-other' });
    expect(folder.rootSecret().derive('key-hmac', 1)).toEqual(first);
    expect(folder.adminToken).toEqual({ token: 'mgadm-test', created: false });
  });

  it('takes the secret of the environment before that of the file, which is then not made', async () => {
    await using folder = await open();
    folder.rootSecret('0123456789abcdef0123456789abcdef');
    expect(existsSync(join(path, 'secret'))).toBe(false);
    expect(() => folder.rootSecret('short')).toThrow(StartRefusal);
  });

  it('writes the admin token that all servers of a database share over its own, where the command line looks for it', async () => {
    await (await open())[Symbol.asyncDispose]();
    for (const created of [true, false]) {
      await using folder = await openDataFolder(path, { mintAdminToken: () => 'mgadm-other', sharedAdminToken: 'mgadm-shared' });
      expect(folder.adminToken).toEqual({ token: 'mgadm-shared', created });
      expect(readFileSync(join(path, 'admin-token'), 'utf8')).toBe('mgadm-shared\n');
      expect(modeOf('admin-token')).toBe(0o600);
    }
  });

  it.each(['secret', 'admin-token'])('refuses a %s that others can read, and names the cure', async (name) => {
    {
      await using folder = await open();
      folder.rootSecret();
    }
    chmodSync(join(path, name), 0o640);
    const attempt = async (): Promise<void> => {
      await using folder = await open();
      folder.rootSecret();
    };
    await expect(attempt()).rejects.toThrow(/^[^\n]*chmod 600 [^\n]*$/);
    chmodSync(join(path, name), 0o600);
    await attempt();
  });

  it('refuses a file where the folder should be', async () => {
    writeFileSync(path, '');
    await expect(open()).rejects.toThrow(StartRefusal);
  });
});

describe('the lock', () => {
  it('tells who holds the folder, and where it answers', async () => {
    await using folder = await open();
    expect(readLockHolder(lockPath())).toMatchObject({ pid: process.pid });
    folder.announce('http://127.0.0.1:8787');
    expect(readLockHolder(lockPath())).toMatchObject({ pid: process.pid, address: 'http://127.0.0.1:8787' });
    await expect(open()).rejects.toThrow(new RegExp(`pid ${process.pid}, http://127.0.0.1:8787, since 20`));
    // The failed try must not have loosened the lock: closing any descriptor of a file drops a process's POSIX locks on it.
    expect(await starter().verdict).toMatch(/^lost .*in use/);
  });

  it('is given back on close', async () => {
    await (await open())[Symbol.asyncDispose]();
    expect(existsSync(lockPath())).toBe(false);
    await (await open())[Symbol.asyncDispose]();
  });

  it('is free again after kill -9, whatever the file says', async () => {
    const first = starter();
    expect(await first.verdict).toBe('won');
    await kill(first.child);
    expect(readLockHolder(lockPath())).toMatchObject({ pid: first.child.pid, address: 'http://127.0.0.1:1234' });
    await using folder = await open();
    expect(readLockHolder(lockPath())).toEqual({ pid: process.pid, startedMs: expect.any(Number) });
    expect(folder.adminToken).toEqual({ token: 'mgadm-child', created: false });
  });

  it('is not held by a process that merely has the id of a dead holder', async () => {
    await (await open())[Symbol.asyncDispose]();
    writeFileSync(lockPath(), JSON.stringify({ pid: process.pid, startedMs: 1 }));
    await using folder = await open();
    expect(readLockHolder(lockPath())?.startedMs).toBeGreaterThan(1);
    expect(folder.path).toBe(path);
  });

  it('goes to exactly one of several that start at once, over what a killed one left', async () => {
    const first = starter();
    expect(await first.verdict).toBe('won');
    await kill(first.child);
    for (let round = 0; round < 2; round += 1) {
      const racers = [starter(), starter(), starter()];
      const verdicts = await Promise.all(racers.map((racer) => racer.verdict));
      const winner = racers[verdicts.indexOf('won')];
      expect(verdicts.filter((verdict) => verdict === 'won')).toHaveLength(1);
      for (const verdict of verdicts.filter((text) => text !== 'won')) {
        expect(verdict).toContain(`in use by another server (pid ${winner?.child.pid}`);
      }
      await Promise.all(racers.map((racer) => (racer === winner ? kill(racer.child) : undefined)));
    }
  });
});
