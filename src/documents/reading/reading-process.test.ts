import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { Confinement } from './confinement.ts';
import { findProgram, foldersOfPath } from './program-search.ts';
import { readingSettings } from './reading-limits.ts';
import { ReadingProcess } from './reading-process.ts';

const path = process.env['PATH'];
const hasPrlimit = process.platform === 'linux' && (await findProgram('prlimit', foldersOfPath(path))) !== undefined;

describe.skipIf(process.platform === 'win32')('a reading process (needs process groups)', () => {
  it('takes with it what it has started, when it has ended by itself', async () => {
    const reader = new ReadingProcess(['/bin/sh', '-c', 'sleep 300 3>&- & exit 0'], systemClock);
    await expect(reader.ready).rejects.toThrow('ended before it was asked');
    await reader.end();
    await expect.poll(groups).not.toContain(String(reader.pid));
  });

  it.skipIf(!hasPrlimit)('that has used up its processor time is told from one without memory (needs prlimit)', async () => {
    const confinement = await Confinement.probe({ node: process.execPath, entry: '', files: [] }, path, []);
    const { limits } = readingSettings(2, { timeMs: 0 });
    const command = confinement.command(limits);
    const limiting = command.slice(command.findIndex((word) => word.endsWith('prlimit')), command.indexOf('--') + 1);
    const readyFrame = String.raw`printf '\001\000\000\000\000' >&3`;
    const reader = new ReadingProcess(['/usr/bin/env', ...limiting, '/bin/sh', '-c', `${readyFrame}; while :; do :; done`], systemClock);
    await reader.ready;
    const request = { filename: 'a.txt', bytes: 0, limits: limits.format, timeMs: 60_000 };
    expect(await reader.read({ request, source: (async function* () {})() })).toEqual({ kind: 'ended', ending: 'time' });
  });
});

/** All process groups of which somebody is alive. */
function groups(): readonly string[] {
  const list = execFileSync('ps', ['-A', '-o', 'pgid=,stat='], { encoding: 'utf8' });
  return list.split('\n').filter((line) => !/\bZ/.test(line)).map((line) => line.trim().split(' ', 1)[0] ?? '');
}
