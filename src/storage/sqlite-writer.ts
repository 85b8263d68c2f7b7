/**
 * The writer thread: the only connection that writes. Started by `sqlite-database.ts`, answers each batch with one
 * message once it is durable.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { GroupCommit } from './group-commit.ts';
import { openWriter } from './sqlite-connection.ts';
import { StatementTable } from './statement-table.ts';
import type { CommitOutcome, WorkerReply, WorkerRequest, WorkerStart } from './worker-message.ts';

function serve(start: WorkerStart): void {
  const port = parentPort;
  if (port === null) throw new Error('sqlite-writer.ts runs as a worker');
  const reply = (message: WorkerReply<CommitOutcome>): void => port.postMessage(message);
  let database: DatabaseSync;
  try {
    const opened = openWriter(start.path);
    database = opened.database;
    reply({ kind: 'ready', settings: opened.settings });
  } catch (error) {
    reply({ kind: 'refused', message: error instanceof Error ? error.message : String(error) });
    return port.close();
  }
  const table = new StatementTable(database);
  const group = new GroupCommit(database, table);
  port.on('message', (request: WorkerRequest) => {
    if (request.kind === 'close') {
      database.exec('PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
      return port.close();
    }
    table.learn(request);
    reply({ kind: 'done', outcomes: group.run(request.calls, request.guards) });
  });
}

serve(workerData);
