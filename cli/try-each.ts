import { CommandFailure } from './failure.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** One of several that a command was given, and why it failed. */
export interface FailedOne {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

export interface TriedEach<Done> {
  readonly done: readonly Done[];
  readonly failed: readonly FailedOne[];
}

/** In these the first failure is that of all. */
const sharedCodes = new Set(['unreachable', 'timed_out', 'unauthenticated', 'permission_denied', 'invalid_reply']);
const sharedFields = new Set(['tenant', 'purpose', 'mode']);

/**
 * Does `act` for each of `names`, one after the other, whatever becomes of the others. Throws what `act` threw for the first one, when the
 * others would fail for the same reason.
 */
export async function tryEach<Done>(names: readonly string[], act: (name: string) => Promise<Done>): Promise<TriedEach<Done>> {
  const done: Done[] = [];
  const failed: FailedOne[] = [];
  for (const name of names) {
    try {
      done.push(await act(name));
    } catch (thrown) {
      const failure = refusalOf(thrown);
      if (failure === undefined || (done.length + failed.length === 0 && isShared(failure))) throw thrown;
      failed.push({ name, code: failure.code, message: failure.message });
    }
  }
  return { done, failed };
}

/** A line on stderr for each that failed. */
export function sayFailed(failed: readonly FailedOne[], terminal: Terminal): void {
  for (const { name, message } of failed) terminal.err(`moongate: ${printable(name)}: ${printable(message)}\n`);
}

interface Refusal {
  readonly code: string;
  readonly field: string | undefined;
  readonly message: string;
}

/** What a command or the server says of it; undefined for a bug. Of the client's own error only the shape is known here: its class is heavy. */
function refusalOf(thrown: unknown): Refusal | undefined {
  if (thrown instanceof CommandFailure) return { code: thrown.code, field: undefined, message: thrown.message };
  if (!(thrown instanceof Error) || thrown.name !== 'AdminError' || !('code' in thrown) || typeof thrown.code !== 'string') return undefined;
  const field = 'field' in thrown && typeof thrown.field === 'string' ? thrown.field : undefined;
  return { code: thrown.code, field, message: thrown.message };
}

function isShared({ code, field }: Refusal): boolean {
  return sharedCodes.has(code) || (field !== undefined && sharedFields.has(field));
}
