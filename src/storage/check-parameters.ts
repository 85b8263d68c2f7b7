import type { CompiledQuery } from 'kysely';

/**
 * Throws a `TypeError` when a parameter is none of the values that every database takes alike. Before the statement is sent: one bad
 * value would spoil the whole message that it travels in.
 */
export function checkParameters(statement: CompiledQuery): void {
  for (const value of statement.parameters) {
    switch (typeof value) {
      case 'string':
      case 'number':
      case 'bigint':
        continue;
      default:
        if (value === null || value instanceof Uint8Array) continue;
        throw new TypeError(`a parameter of "${statement.sql.slice(0, 60)}" is no text, number, bigint, bytes or null`);
    }
  }
}
