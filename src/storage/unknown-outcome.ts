/**
 * The cause of a `storage_unavailable` fault when the connection was lost while a commit was under way: it may have
 * happened, or not. Whoever gets it must neither repeat the commit nor count on it, and ask the database later.
 */
export class UnknownOutcome extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnknownOutcome';
  }
}
