import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a reading process runs, and all files that it may see. */
export interface ReadingProgram {
  /** Of the Node that we run on. */
  readonly node: string;
  readonly entry: string;
  /** Our own code and what it imports. Never the whole folder of the package: the data folder may lie in it. */
  readonly files: readonly string[];
}

/** The program as it lies beside this file: in the source tree, or compiled in an installed package. */
export function readingProgram(): ReadingProgram {
  const own = import.meta.url;
  const entry = fileURLToPath(new URL(`./reader${own.slice(own.lastIndexOf('.'))}`, own));
  const sources = dirname(dirname(dirname(entry)));
  const root = dirname(sources);
  const files = [join(sources, 'documents'), join(sources, 'base'), join(root, 'package.json'), ...moduleFolders(root)];
  return { node: realpathSync(process.execPath), entry, files: files.filter((file) => existsSync(file)) };
}

/** Where Node looks for packages from a folder on: ours may have been hoisted into a folder above. */
function moduleFolders(from: string): readonly string[] {
  const parent = dirname(from);
  return [join(from, 'node_modules'), ...(parent === from ? [] : moduleFolders(parent))];
}
