import { type Command, CommanderError } from 'commander';
import { CommandFailure, exitCodes, PartFailure } from './failure.ts';
import { createProgram } from './program.ts';
import { ChildExit } from './server-program.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs one command line (`['keys', 'list', '--json']`) and resolves with its exit code: 0 well, 1 failed, 2 not
 * understood. What failed is said on stderr, or with `--json` as `{"error":{…}}` on stdout.
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof ChildExit || error instanceof PartFailure) return error.exitCode;
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = failureOf(error, program, argv);
    if (wantsJson(argv)) terminal.out(`${JSON.stringify({ error: failureBody(failure) }, null, 2)}\n`);
    else if (error instanceof CommanderError && error.code === 'commander.help') terminal.err(commandNamed(program, argv).helpInformation());
    else terminal.err(`moongate: ${failure.message}\n`);
    return failure.exitCode;
  }
}

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly field?: string | undefined;
  readonly exitCode: number;
}

function failureBody({ code, message, field }: Failure): { code: string; message: string; field?: string } {
  const oneLine = message.replaceAll('\n', ' ');
  return field === undefined ? { code, message: oneLine } : { code, message: oneLine, field };
}

function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}

function failureOf(error: unknown, program: Command, argv: readonly string[]): Failure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof CommanderError) return { code: 'usage', message: usageText(error, program, argv), exitCode: exitCodes.usage };
  // The client's own errors, told by their shape: their class would load the contract just to say that there is no server.
  if (error instanceof Error && error.name === 'AdminError' && 'code' in error && typeof error.code === 'string') {
    const field = 'field' in error && typeof error.field === 'string' ? error.field : undefined;
    return { code: error.code, message: withNextStep(error.code, error.message), field, exitCode: exitCodes.failure };
  }
  return { code: 'internal', message: `a bug in this program: ${error instanceof Error ? error.stack : String(error)}`, exitCode: exitCodes.failure };
}

function withNextStep(code: string, message: string): string {
  if (code === 'unreachable') return `${message}; start it with "npm start",\nor say where it is with --url, MOONGATE_URL or --data-dir`;
  if (code === 'unauthenticated') return `${message}\n(the token came from --admin-token, MOONGATE_ADMIN_TOKEN or the data folder, the first of these that is there)`;
  return message;
}

function usageText(error: CommanderError, program: Command, argv: readonly string[]): string {
  const command = commandNamed(program, argv);
  const path = pathOf(command);
  if (error.code === 'commander.help') return `say what to do, one of: ${command.commands.map((child) => child.name()).join(', ')}`;
  return `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}\n("${path} --help" shows what can be given)`;
}

/** The command that the words before the first option lead to. */
function commandNamed(program: Command, argv: readonly string[]): Command {
  let command = program;
  for (const word of argv) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
