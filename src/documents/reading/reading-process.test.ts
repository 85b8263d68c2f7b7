import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { ReadingProcess } from './reading-process.ts';

describe.skipIf(process.platform === 'win32')('a reading process (needs process groups)', () => {
  it('takes with it what it has started, when it has ended by itself', async () => {
    const reader = new ReadingProcess(['/bin/sh', '-c', 'sleep 300 3>&- & exit 0'], systemClock);
    await expect(reader.ready).rejects.toThrow('ended before it was asked');
    await reader.end();
    const groups = (): readonly string[] => execFileSync('ps', ['-A', '-o', 'pgid=,stat='], { encoding: 'utf8' }).split('\n').filter((line) => !/\bZ/.test(line)).map((line) => line.trim().split(' ', 1)[0] ?? '');
    await expect.poll(groups).not.toContain(String(reader.pid));
  });
});
