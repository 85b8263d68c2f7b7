import type { ConfigProblem } from './config-file.ts';

const form = 'a URL such as postgres://user:password@host:5432/moongate (with what is special in the password percent-encoded)';

/**
 * The URL of the Postgres database, if `text` (MOONGATE_DATABASE_URL) is one: its form, without connecting. Several servers
 * share such a database, so that they must share the root secret. What is wrong goes into `problems`, and never quotes the URL, which
 * holds a password.
 */
export function databaseUrlOf(text: string | undefined, rootSecret: string | undefined, problems: ConfigProblem[]): string | undefined {
  if (text === undefined) return undefined;
  const message = problemOf(text);
  if (message !== undefined) problems.push({ source: 'MOONGATE_DATABASE_URL', message });
  if (rootSecret === undefined) {
    const cure = 'make one with "openssl rand -hex 32" and give it to every server of this database';
    problems.push({ source: 'MOONGATE_SECRET', message: `expected the root secret, since MOONGATE_DATABASE_URL is set; ${cure}` });
  }
  return text;
}

function problemOf(text: string): string | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return `expected ${form}`;
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') return `expected ${form}`;
  if (url.hostname === '' && !url.searchParams.has('host')) return `expected ${form}; it names no host`;
  return url.pathname.length > 1 ? undefined : `expected ${form}; it names no database`;
}
