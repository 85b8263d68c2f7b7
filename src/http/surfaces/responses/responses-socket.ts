import type { FastifyInstance } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { idempotencyHeader } from '../../idempotency.ts';
import { sandboxScriptOf } from '../../sandbox-header.ts';
import { SocketConnection } from './socket-connection.ts';
import type { SocketTurnDeps } from './socket-turn.ts';

/** A WebSocket on `{base}/responses` (responses-ark-anthropic-batch.md 1.8). Its key is checked, and refused, as that of any request. */
export function registerResponsesSocket(app: FastifyInstance, base: BasePath, deps: SocketTurnDeps): void {
  const surface = `${base.path}/responses`;
  app.get(surface, { exposeHeadRoute: false }, (request, reply) => {
    const { keyId } = callerOf(request);
    const sandboxScript = sandboxScriptOf(request, callerOf(request));
    // One key for all that a connection will ask for would keep no promise.
    if (request.headers[idempotencyHeader] !== undefined) {
      throw new Fault('invalid_request', { message: 'Invalid request: Idempotency-Key works with POST only, not with a WebSocket; leave it out', field: 'Idempotency-Key' });
    }
    const socket = app.upgrades.take(reply);
    if (socket === undefined) throw new Fault('method_not_allowed', { message: `${surface} takes POST, or GET for a WebSocket` });
    const session = { requestId: request.id, keyId, surface, ...(sandboxScript === undefined ? {} : { sandboxScript }) };
    const connection = new SocketConnection(deps, socket, session);
    deps.log.write('info', 'request', { requestId: request.id, method: request.method, route: surface, status: 101, keyId, durationMs: Math.round(deps.clock.monotonicMs() - request.arrivedMs) });
    app.connections.upgraded(socket.connection, () => connection.drain());
  });
}
