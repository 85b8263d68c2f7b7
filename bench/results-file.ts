import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('RESULTS.md', import.meta.url);
const documentsHeading = '## Documents\n';

/** Writes what a call costs (`npm run bench`), and leaves what is said of documents as it is. */
export function writeCallResults(text: string): void {
  const [, documents] = parts();
  writeFileSync(file, documents === undefined ? text : `${text}\n${documentsHeading}${documents}`);
}

/** Writes what is said of documents (`npm run bench:documents`), below a heading of its own, and leaves the rest. */
export function writeDocumentResults(text: string): void {
  const [calls = ''] = parts();
  writeFileSync(file, `${calls.trimEnd()}\n\n${documentsHeading}\n${text}`);
}

function parts(): string[] {
  return readFileSync(file, 'utf8').split(documentsHeading);
}
