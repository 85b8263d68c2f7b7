import { type DatabaseIntrospector, type DialectAdapter, DummyDriver, Kysely, type QueryCompiler } from 'kysely';

export interface BuilderParts {
  readonly adapter: new () => DialectAdapter;
  readonly introspector: new (kysely: Kysely<unknown>) => DatabaseIntrospector;
  readonly compiler: new () => QueryCompiler;
}

/** A query builder that compiles and runs nothing: its `execute` throws. */
export function compileOnlyBuilder<Tables>({ adapter: Adapter, introspector: Introspector, compiler: Compiler }: BuilderParts): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new Adapter(),
      createDriver: () => new CompileOnlyDriver(),
      createIntrospector: (kysely) => new Introspector(kysely),
      createQueryCompiler: () => new Compiler(),
    },
  });
}

/** Kysely's own `execute` would answer with no rows at all, which looks like an answer. */
class CompileOnlyDriver extends DummyDriver {
  override acquireConnection(): never {
    throw new Error('compile the query and hand it to commit, query or report');
  }
}
