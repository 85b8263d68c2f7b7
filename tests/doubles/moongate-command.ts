import { run } from '../../cli/run.ts';
import { TerminalDouble } from '../../cli/terminal-double.ts';

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of `moongate` in the folder of a server, so that it finds address and token by itself. */
export async function runMoongate(folder: string, argv: readonly string[], env: Record<string, string> = {}): Promise<CommandOutcome> {
  const terminal = new TerminalDouble(folder, env);
  const code = await run(argv, terminal);
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}
