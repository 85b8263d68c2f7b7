import type { CompiledQuery } from 'kysely';
import type { Database } from '../storage/database.ts';

/** Under which topic changes are announced; the payload is the key's id. */
export const keyTopic = 'key';

/** Statements for the end of the commit that adds or changes the key, so that every server takes it to heart at once. */
export function keyAnnouncement(database: Database, id: string): readonly CompiledQuery[] {
  return database.announcement(keyTopic, id);
}
