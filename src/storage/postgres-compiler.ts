import { type CompiledQuery, PostgresQueryCompiler } from 'kysely';

/**
 * Postgres takes the type of a parameter from where it stands, and for text where nothing is said (`SELECT $1`, both
 * branches of a CASE). SQLite takes it from the value. So whole numbers say what they are.
 */
export class PostgresCompiler extends PostgresQueryCompiler {
  protected override appendValue(parameter: unknown): void {
    super.appendValue(parameter);
    if (typeof parameter === 'bigint' || Number.isSafeInteger(parameter)) this.append('::int8');
  }
}

/**
 * The parameters as Postgres can take them: TEXT cannot hold NUL, which SQLite's can and a caller may send, so that it
 * becomes U+FFFD.
 */
export function postgresParameters({ parameters }: CompiledQuery): unknown[] {
  return parameters.map((value) => (typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value));
}
