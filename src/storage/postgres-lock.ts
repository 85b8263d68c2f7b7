import pg from 'pg';
import { StartRefusal } from '../base/start-refusal.ts';

const lockNotAvailable = '55P03';

/** "moongate" in ASCII, as the 64-bit number that advisory locks are named by. */
const lockId = 0x6d6f_6f6e_6761_7465n;

/** How long one that starts waits for others to have migrated; a lock goes with its connection, so that none outlives its holder. */
export const advisoryLockMs = 120_000;

/**
 * Takes the lock that the processes of one database do one-off things under, and keeps it until the connection ends.
 * Throws `StartRefusal` when another one holds it for longer than the connection's `lockMs`, and the driver's errors.
 */
export async function takeAdvisoryLock(client: pg.Client): Promise<void> {
  try {
    await client.query(`SELECT pg_advisory_lock(${lockId})`);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== lockNotAvailable) throw error;
    throw new StartRefusal('another server that starts has been preparing this database for too long; look at that one first', error);
  }
}
