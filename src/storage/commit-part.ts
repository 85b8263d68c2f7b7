import type { CompiledQuery } from 'kysely';

/** What a room adds to a commit under conditions (`Database.commitIf`) that it shares with others: all of it happens, or nothing. */
export interface CommitPart {
  readonly guards: readonly CompiledQuery[];
  readonly statements: readonly CompiledQuery[];
}
