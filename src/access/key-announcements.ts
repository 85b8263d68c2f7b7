import type { CompiledQuery } from 'kysely';
import type { TenantId } from '../base/id.ts';
import type { Database } from '../storage/database.ts';
import type { KeyId } from './api-key.ts';
import type { Authenticator } from './authenticate.ts';

/** Statements for the end of the commit that adds or changes the key, so that every server takes it to heart at once. */
export function keyAnnouncement(database: Database, id: string): readonly CompiledQuery[] {
  return database.announcement('key', id);
}

/** The same for a commit that changes what holds for all keys of a tenant. */
export function tenantAnnouncement(database: Database, id: TenantId): readonly CompiledQuery[] {
  return database.announcement('tenant', id);
}

/** Has `callers` forget whatever any server that shares the database changes; returns what ends that. */
export function followAnnouncements(database: Database, callers: Authenticator): () => void {
  return database.onAnnouncement((announcement) => {
    switch (announcement.kind) {
      case 'heard':
        if (announcement.topic === 'key') callers.forget(announcement.payload as KeyId);
        if (announcement.topic === 'tenant') callers.forgetTenant(announcement.payload as TenantId);
        return;
      case 'lost':
        callers.lose();
        return;
      case 'missed':
        callers.regain();
    }
  });
}
