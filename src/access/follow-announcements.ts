import type { Database } from '../storage/database.ts';
import type { KeyId } from './api-key.ts';
import type { Authenticator } from './authenticate.ts';
import { keyTopic } from './key-announcements.ts';

/** Has `callers` forget whatever any server that shares the database changes; returns what ends that. */
export function followAnnouncements(database: Database, callers: Authenticator): () => void {
  return database.onAnnouncement((announcement) => {
    switch (announcement.kind) {
      case 'heard':
        if (announcement.topic === keyTopic) callers.forget(announcement.payload as KeyId);
        return;
      case 'lost':
        callers.lose();
        return;
      case 'missed':
        callers.regain();
    }
  });
}
