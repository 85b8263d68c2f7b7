import { parseArgs } from 'node:util';
import { systemClock } from './base/clock.ts';
import { stackOf } from './base/log.ts';
import { StartRefusal } from './base/start-refusal.ts';
import { compose, type House } from './compose.ts';
import { ConfigError } from './config/config-file.ts';
import { type Config, type ConfigFlags, loadConfig } from './config/config.ts';
import { checkConfig, installTokenizerCommand, verifyLedgerCommand } from './maintenance.ts';

const help = `Usage: npm start -- [options]            start the server
       npm start -- config check         check the configuration and exit
       npm start -- tokenizer install    get K2's own tokenizer file and exit
       npm start -- ledger verify        prove the books and exit: 0 when they are sound, else 1

  --port N         port to listen on (default 8787; 0: the system chooses)      MOONGATE_PORT
  --host ADDRESS   address to listen on (default: 127.0.0.1 and ::1)            MOONGATE_HOST
  --data-dir DIR   folder of the database and the secrets (default: ./data)     MOONGATE_DATA_DIR
  --config FILE    configuration (default: ./moongate.yaml, if it is there)     MOONGATE_CONFIG
  --from SOURCE    tokenizer install: a file or URL to take it from
  --json           greet and answer in JSON
  --help           this text

The command line for a running server is "npx moongate --help".
`;

/** What is done in place of serving. */
const errands = ['config check', 'tokenizer install', 'ledger verify'] as const;
type Errand = (typeof errands)[number];

interface Arguments extends ConfigFlags {
  readonly command: 'serve' | Errand | 'help';
  readonly json: boolean;
  readonly from?: string;
}

/** Reads the command line. Throws `StartRefusal` naming the word that it does not know. */
function readArguments(argv: readonly string[]): Arguments {
  const options = {
    port: { type: 'string' }, host: { type: 'string' }, 'data-dir': { type: 'string' }, config: { type: 'string' },
    from: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  } as const;
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (thrown) {
    throw new StartRefusal(`${thrown instanceof Error ? thrown.message.split(/[.\n]/)[0] : String(thrown)}; see npm start -- --help`);
  }
  const { values, positionals } = parsed;
  const named = positionals.join(' ');
  const errand = errands.find((one) => one === named);
  if (named !== '' && errand === undefined) {
    throw new StartRefusal(`unknown command "${named.slice(0, 60)}"; see npm start -- --help`);
  }
  return {
    command: values.help ? 'help' : (errand ?? 'serve'),
    json: values.json,
    ...(values.port === undefined ? {} : { port: values.port }),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values['data-dir'] === undefined ? {} : { dataDir: values['data-dir'] }),
    ...(values.config === undefined ? {} : { config: values.config }),
    ...(values.from === undefined ? {} : { from: values.from }),
  };
}

async function main(): Promise<void> {
  const given = readArguments(process.argv.slice(2));
  switch (given.command) {
    case 'help':
      process.stdout.write(help);
      return;
    case 'config check':
      process.exitCode = checkConfig(given, process.env, given.json, (text) => process.stdout.write(text));
      return;
    case 'tokenizer install':
      process.exitCode = await installTokenizerCommand(given, process.env, given, (text) => process.stdout.write(text));
      return;
    case 'ledger verify':
      process.exitCode = await verifyLedgerCommand(given, process.env, given.json, (text) => process.stdout.write(text));
      return;
    case 'serve':
      await serve(loadConfig(given, process.env), given.json);
  }
}

async function serve(config: Config, json: boolean): Promise<void> {
  const house = await compose(config, (reason) => {
    process.stderr.write(`moongate: ${reason}\n`);
    process.exit(1);
  });
  process.stdout.write(json ? `${JSON.stringify({ url: house.url, liveKeysAnsweredBy: house.liveKeysAnsweredBy, ...house.firstKeys })}\n` : greeting(house));
  if (house.liveKeysAnsweredBy === 'none') {
    process.stderr.write('moongate: no upstream is configured any more: live keys get 503 until a credential is set again\n');
  }
  closeOnSignals(house);
}

/** The first start tells everything once; later ones tell the address. One write, so that it is never half there. */
function greeting(house: House): string {
  const listens = `Moongate listens on ${house.url}\n`;
  if (house.firstKeys === undefined) return listens;
  const { adminToken, liveKey, testKey } = house.firstKeys;
  const body = '{"model":"kimi-k2-thinking","stream":true,"messages":[{"role":"user","content":"Why is the sky blue?"}]}';
  return `${listens}
  admin token  ${adminToken}
  live key     ${liveKey}
  test key     ${testKey}

The keys are shown this once and kept nowhere; make more with: npx moongate keys create
${house.liveKeysAnsweredBy === 'sandbox' ? 'No upstream is configured, so the built-in sandbox answers, free of charge.\n' : ''}Try it:

curl -N ${house.url}/v1/chat/completions -H "Authorization: Bearer ${liveKey}" -H "Content-Type: application/json" -d '${body}'

`;
}

/** The same signal often arrives twice at once: from the terminal or the supervisor, and forwarded by the launching process. */
const echoMs = 1_000;

/** First signal: finish what is open. Another one, later: leave at once. */
function closeOnSignals(house: House): void {
  let closingSinceMs: number | undefined;
  const close = (signal: NodeJS.Signals): void => {
    if (closingSinceMs !== undefined) {
      if (systemClock.monotonicMs() - closingSinceMs > echoMs) process.exit(1);
      return;
    }
    closingSinceMs = systemClock.monotonicMs();
    house.close(signal).then(
      () => process.exit(0),
      (thrown: unknown) => {
        process.stderr.write(`moongate: could not close in order: ${stackOf(thrown) ?? 'unknown'}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
}

try {
  await main();
} catch (thrown) {
  if (!(thrown instanceof StartRefusal || thrown instanceof ConfigError)) throw thrown;
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error: { code: 'not_started', message: thrown.message } })}\n`);
  else process.stderr.write(`moongate does not start:\n${thrown.message}\n`);
  process.exitCode = 1;
}
