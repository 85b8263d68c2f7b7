import type pg from 'pg';
import type { Clock } from '../base/clock.ts';
import type { Announcement } from './database.ts';

/** The one channel of all topics. */
export const announcementChannel = 'moongate';

const reconnectMs = 250;
/** How often the connection is asked whether it is still one: a network that swallows packets says nothing by itself. */
const heartbeatMs = 2_000;

export interface ListenerParts {
  /** A new connection, whose statements have a time-out. */
  readonly connect: () => Promise<pg.Client>;
  readonly clock: Clock;
}

type Listener = (announcement: Announcement) => void;

/** Hears what is announced, on a connection of its own, which it makes anew whenever it is lost. */
export class PostgresListener {
  readonly #parts: ListenerParts;
  readonly #listeners = new Set<Listener>();
  #client: pg.Client | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
  }

  /** Resolves when it hears. Rejects with the driver's error; then it does not try again. */
  async start(): Promise<void> {
    await this.#listen();
  }

  /** See `Database.onAnnouncement`. */
  on(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  async #listen(): Promise<void> {
    const client = await this.#parts.connect();
    try {
      client.on('notification', ({ payload = '' }) => {
        const border = payload.indexOf(':');
        if (border > 0) this.#tell({ kind: 'heard', topic: payload.slice(0, border), payload: payload.slice(border + 1) });
      });
      const lose = (): void => this.#lose(client);
      client.on('error', lose);
      client.on('end', lose);
      await client.query(`LISTEN ${announcementChannel}`);
    } catch (error) {
      void client.end();
      throw error;
    }
    if (this.#closed) return void client.end();
    this.#client = client;
    this.#beat(client);
  }

  #beat(client: pg.Client): void {
    this.#cancelTimer = this.#parts.clock.after(heartbeatMs, () => {
      client.query('SELECT 1').then(
        () => {
          if (this.#client === client) this.#beat(client);
        },
        () => this.#lose(client),
      );
    });
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#cancelTimer?.();
    void client.end();
    this.#tell({ kind: 'lost' });
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#parts.clock.after(reconnectMs, () => {
      this.#listen().then(
        () => {
          if (this.#client !== undefined) this.#tell({ kind: 'missed' });
        },
        () => this.#reconnectLater(),
      );
    });
  }

  #tell(announcement: Announcement): void {
    for (const listener of this.#listeners) listener(announcement);
  }
}
