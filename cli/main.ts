import { fileURLToPath } from 'node:url';
import { runChild } from '../launch/run-child.mjs';
import { run } from './run.ts';

const server = fileURLToPath(new URL('../src/start.mjs', import.meta.url));
/** As in package.json's `start`: a small young generation, which halves the memory of an open stream and costs no speed. */
const serverFlags = ['--max-semi-space-size=32'];

// The exit code is set rather than `process.exit` called, so that long output into a pipe is not cut short.
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  folder: process.cwd(),
  nowMs: () => Date.now(),
  live: process.stderr.isTTY === true,
  onInterrupt(listener) {
    process.once('SIGINT', listener);
    return () => void process.removeListener('SIGINT', listener);
  },
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  runServer: (args) => runChild(process.execPath, [...serverFlags, server, ...args], process.env),
});
