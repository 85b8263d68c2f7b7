import type { CompiledQuery } from 'kysely';
import type { TenantId } from '../base/id.ts';
import type { Database } from '../storage/database.ts';

/** Under which topics changes are announced; the payload is the id. */
export const keyTopic = 'key';
export const tenantTopic = 'tenant';

/** Statements for the end of the commit that adds or changes the key, so that every server takes it to heart at once. */
export function keyAnnouncement(database: Database, id: string): readonly CompiledQuery[] {
  return database.announcement(keyTopic, id);
}

/** The same for a commit that changes what holds for all keys of a tenant. */
export function tenantAnnouncement(database: Database, id: TenantId): readonly CompiledQuery[] {
  return database.announcement(tenantTopic, id);
}
