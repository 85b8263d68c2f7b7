/** 0 is success; these are the ways of failing. `interrupted` is what a shell gives a program that Ctrl-C has ended. */
export const exitCodes = { failure: 1, usage: 2, interrupted: 130 } as const;

/** A command that cannot do what was asked. The message is one or two lines and says what to do next. */
export class CommandFailure extends Error {
  readonly code: string;
  readonly exitCode: number;

  constructor(code: string, message: string, exitCode: number = exitCodes.failure) {
    super(message);
    this.name = 'CommandFailure';
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** Ends a command that has told all of its outcome, and was not able to do everything. */
export class PartFailure extends Error {
  readonly exitCode = exitCodes.failure;

  constructor() {
    super('not everything was done');
    this.name = 'PartFailure';
  }
}

/** A command line that is wrong. */
export function usageFailure(message: string): CommandFailure {
  return new CommandFailure('usage', message, exitCodes.usage);
}
