import pg, { type ClientConfig } from 'pg';

const connectMs = 2_000;
/** On top of a statement's own time, before the connection is given up: the server ends the statement first, if it still can. */
const answerMarginMs = 500;
/** A transaction of a process that stands still gives its locks back after this. */
const idleInTransactionMs = 10_000;

/** How long a connection's statements may take, and whether they may write. */
export interface SessionTerms {
  /** Undefined: without end. */
  readonly statementMs?: number;
  /** How long to wait for a lock; undefined: as long as the statement may take. */
  readonly lockMs?: number;
  readonly readOnly: boolean;
}

/**
 * How to connect to `url`. Values come as text, since their form here depends on the column's name too (`postgres-rows.ts`).
 * A server that does not answer is met by a time-out that destroys the connection.
 */
export function connectionConfig(url: string, { statementMs }: SessionTerms): ClientConfig {
  return {
    connectionString: url,
    application_name: 'moongate',
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(statementMs === undefined ? {} : { query_timeout: statementMs + answerMarginMs }),
    types: { getTypeParser: () => String },
  };
}

/** To be run first on each connection: what we count on must not depend on how role and database are set up. */
export function sessionSetup({ statementMs, lockMs, readOnly }: SessionTerms): string {
  return [
    'SET synchronous_commit = on',
    "SET default_transaction_isolation = 'read committed'",
    `SET default_transaction_read_only = ${readOnly ? 'on' : 'off'}`,
    `SET statement_timeout = ${statementMs ?? 0}`,
    `SET lock_timeout = ${lockMs ?? 0}`,
    `SET idle_in_transaction_session_timeout = ${idleInTransactionMs}`,
    'SET bytea_output = hex',
  ].join('; ');
}

/** A connection outside any pool, set up. Rejects with the driver's error. */
export async function connect(url: string, terms: SessionTerms): Promise<pg.Client> {
  const client = new pg.Client(connectionConfig(url, terms));
  // What goes wrong between two statements is told by the next one; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(sessionSetup(terms));
  } catch (error) {
    void client.end();
    throw error;
  }
  return client;
}

/** Where a database is, for messages: never its user or password. */
export function placeOf(url: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(url);
    return `Postgres at ${searchParams.get('host') ?? hostname}:${port === '' ? '5432' : port}, database "${decodeURIComponent(pathname.slice(1))}"`;
  } catch {
    return 'Postgres';
  }
}
