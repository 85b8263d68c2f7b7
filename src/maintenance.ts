import { Fault } from './base/fault.ts';
import { ConfigError } from './config/config-file.ts';
import { type Config, type ConfigFlags, loadConfig } from './config/config.ts';
import type { Environment } from './config/environment-reader.ts';
import { placeOf } from './storage/postgres-connection.ts';
import { type InstallProgress, installTokenizer, tokenizerPathIn } from './tokens/tokenizer-file.ts';

type Print = (text: string) => void;

/**
 * `config check`: says what is wrong with the configuration, or what it comes to. Needs no server.
 * Returns the exit code: 0 or 1.
 */
export function checkConfig(flags: ConfigFlags, environment: Environment, json: boolean, print: Print): number {
  let config: Config;
  try {
    config = loadConfig(flags, environment);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const { message, problems } = thrown;
    print(json ? `${JSON.stringify({ error: { code: 'invalid_config', message, problems } })}\n` : `The configuration is not valid:\n${message}\n`);
    return 1;
  }
  print(json ? `${JSON.stringify({ ok: true, ...summary(config) })}\n` : readable(config));
  return 0;
}

interface Summary {
  readonly address: string;
  readonly dataDir: string;
  readonly database: 'sqlite' | 'postgres';
  readonly upstreams: readonly string[];
  /** Upstreams that the file details, with the variable that would switch them on. */
  readonly switchedOff: Config['switchedOff'];
  readonly sandbox: boolean;
}

function summary(config: Config): Summary {
  return {
    address: `${config.host ?? '127.0.0.1 and ::1'}, port ${config.port}`,
    dataDir: config.dataDir,
    database: config.databaseUrl === undefined ? 'sqlite' : 'postgres',
    upstreams: config.upstreams.map(({ id }) => id),
    switchedOff: config.switchedOff,
    sandbox: config.upstreams.length === 0,
  };
}

function readable(config: Config): string {
  const { address, dataDir, upstreams, switchedOff, sandbox } = summary(config);
  const off = switchedOff.map(({ id, variable }) => `  switched off  ${id}: ${variable} is not set\n`).join('');
  return `The configuration is valid.
  listens on    ${address}
  data          ${dataDir}
  database      ${config.databaseUrl === undefined ? 'SQLite, in that folder' : placeOf(config.databaseUrl)}
  upstreams     ${sandbox ? 'none: the built-in sandbox answers' : upstreams.join(', ')}
${off}`;
}

/** `tokenizer install`: fetches or copies K2's tokenizer file into the data folder. Needs no server. Returns the exit code. */
export async function installTokenizerCommand(
  flags: ConfigFlags,
  environment: Environment,
  options: { readonly from?: string; readonly json: boolean },
  print: Print,
): Promise<number> {
  const destination = tokenizerPathIn(loadConfig(flags, environment).dataDir);
  try {
    const { path, bytes } = await installTokenizer({ destination, ...sourceOf(options.from), onProgress: progressOf(options.json) });
    print(options.json ? `${JSON.stringify({ ok: true, path, bytes })}\n` : `Installed ${path} (${bytes} bytes). Restart the server to count exactly.\n`);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    const message = options.from !== undefined && isFault(thrown, 'not_found') ? `${options.from} cannot be read` : thrown.message;
    if (options.json) print(`${JSON.stringify({ error: { code: 'not_installed', message } })}\n`);
    else process.stderr.write(`moongate: the tokenizer was not installed: ${message}\n`);
    return 1;
  }
}

function isFault(thrown: Error, code: Fault['code']): boolean {
  return thrown instanceof Fault && thrown.code === code;
}

/** `--from` takes a URL or the path of a file that is there already. */
function sourceOf(from: string | undefined): { url?: string; from?: string } {
  if (from === undefined) return {};
  return /^https?:\/\//.test(from) ? { url: from } : { from };
}

/** A line on standard error for each megabyte, so that a slow download is seen to go on. */
function progressOf(silent: boolean): InstallProgress {
  let told = 0;
  return (received, total) => {
    const megabytes = Math.floor(received / 1_000_000);
    if (silent || megabytes === told) return;
    told = megabytes;
    process.stderr.write(`${megabytes} MB${total === undefined ? '' : ` of ${(total / 1_000_000).toFixed(1)} MB`}\n`);
  };
}
