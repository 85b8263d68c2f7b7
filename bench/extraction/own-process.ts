/** Our own readers, called as the libraries of others are (peer-process.mjs), in a process of their own. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { readInProcess } from '../../tests/documents/read-in-process.ts';

function answer(id: number, ms: number, found: { readonly text: string } | { readonly error: string }): void {
  process.send?.({ id, ms, ...found });
}

process.on('message', ({ id, path }: { id: number; path: string }) => {
  const start = performance.now();
  readInProcess(basename(path), readFileSync(path)).then(
    ({ text }) => answer(id, performance.now() - start, { text }),
    (error: unknown) => answer(id, performance.now() - start, { error: error instanceof Error ? error.message : String(error) }),
  );
});
answer(0, 0, { text: '' });
