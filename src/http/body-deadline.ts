import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body may take as long as the listener allows, and watches over its own progress. */
    readonly slowBody?: boolean;
  }
}

/** How long a body may take. A prompt of 32 MB over a slow line takes a while. */
const bodyTimeoutMs = 300_000;

/**
 * Refuses requests whose body does not arrive in time. Node knows one limit for a whole listener, which must allow for a slow upload of a
 * file; all other routes have this one. A body that nobody reads any more, because the answer was known before its end, is let in for that
 * long after the answer: a client that reads only when all is sent would else lose it.
 */
export function limitBodies(app: FastifyInstance, clock: Clock): void {
  const cutLater = ({ raw }: FastifyRequest): void => {
    const cancel = clock.after(bodyTimeoutMs, () => {
      // A request that was injected by a test has no socket, and does not say whether it is complete.
      if (raw.complete === false) app.refuseMalformed(Object.assign(new Error('the body did not arrive in time'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), raw.socket);
    });
    raw.once('end', cancel);
    raw.once('close', cancel);
  };
  app.addHook('onRequest', (request, _reply, done) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    const hasBody = encoding !== undefined || (length !== undefined && length !== '0');
    if (hasBody && request.routeOptions.config.slowBody !== true) cutLater(request);
    done();
  });
  app.addHook('onResponse', (request, _reply, done) => {
    if (request.routeOptions.config.slowBody === true && !request.raw.complete && !request.raw.destroyed) cutLater(request);
    done();
  });
}
