import type { Flow } from '../../../gateway/gateway.ts';
import type { OpenSocket } from '../../socket-upgrades.ts';

/** With so much unread nobody is told anything that he only got for asking: what waits is kept in memory. */
const unreadBytesMax = 4 * 1024 * 1024;

/**
 * What is said over one WebSocket: one message per event, and as few writes as there are batches. Slows those who make the events down
 * while the client reads slowly. One that does not read at all is cut by `Connections`.
 */
export class SocketOutlet {
  readonly #socket: OpenSocket;
  readonly #flows = new Set<Flow>();
  #waiting = false;

  constructor(socket: OpenSocket) {
    this.#socket = socket;
  }

  get isOpen(): boolean {
    const { webSocket } = this.#socket;
    return webSocket.readyState === webSocket.OPEN;
  }

  /** Sends events, as JSON, in one write. Does nothing when the connection is closing. */
  send(events: readonly string[]): void {
    if (events.length === 0 || !this.isOpen) return;
    const { webSocket, connection } = this.#socket;
    connection.cork();
    for (const event of events) webSocket.send(event);
    connection.uncork();
    if (connection.writableNeedDrain && !this.#waiting) this.#waitForReader();
  }

  /** Sends an event that answers something which cost the client nothing to say; one that reads none of them is cut. */
  tell(event: string): void {
    if (this.#socket.webSocket.bufferedAmount > unreadBytesMax) this.#socket.webSocket.terminate();
    else this.send([event]);
  }

  /** From now on `flow` is slowed down when the client reads slowly. */
  add(flow: Flow): void {
    this.#flows.add(flow);
    if (this.#waiting) flow.pause();
  }

  remove(flow: Flow): void {
    this.#flows.delete(flow);
  }

  #waitForReader(): void {
    this.#waiting = true;
    for (const flow of this.#flows) flow.pause();
    this.#socket.connection.once('drain', () => {
      this.#waiting = false;
      for (const flow of this.#flows) flow.resume();
    });
  }
}
