import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { Fault, type FaultCode, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { stackOf } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type CallerSource, tokenOf } from './authentication.ts';
import { limitBodies } from './body-deadline.ts';
import { Connections } from './connections.ts';
import { dressFault } from './fault-dress.ts';
import { parseJsonBody } from './json-body.ts';
import { refuseMalformed } from './malformed-request.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';
import { isSocketUpgrade, SocketUpgrades } from './socket-upgrades.ts';

export interface ServerOptions {
  readonly bodyBytesMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How long a reader may take nothing before it is cut. */
  readonly stallMs: number;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A POST that means something without a body. */
    readonly bodyOptional?: boolean;
  }
  interface FastifyInstance {
    readonly connections: Connections;
    readonly upgrades: SocketUpgrades;
    /** For the `clientError` event of every listener. */
    readonly refuseMalformed: ReturnType<typeof refuseMalformed>;
  }
}

/** How long a client may take to send its headers, and its whole request: a file of 100 MB at 30 kB/s. `limitBodies` is narrower. */
const headersTimeoutMs = 30_000;
const requestTimeoutMs = 3_600_000;
/** Longer than the idle time of common load balancers (60 s), so that they, not we, close a connection first. */
const keepAliveTimeoutMs = 72_000;
const maxParamLength = 512;

/** Of every listener. Without `noDelay` a small event would wait for the acknowledgement of the one before it. */
export const httpOptions = {
  headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs, noDelay: true,
  shouldUpgradeCallback: isSocketUpgrade,
} as const;

/** Codes of Fastify's own refusals, as faults of ours. */
const fastifyFaults: Readonly<Record<string, FaultCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
};

/** The HTTP server without its routes: body reading, request ids, error dress, access log. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const { clock, random, log, stallMs } = options;
  const newRequestId = (): string => `req_${random.bytes(12).toString('hex')}`;
  const connections = new Connections({ clock, stallMs, log });
  const onClientError = refuseMalformed({ connections, clock, log, newRequestId });
  const app = Fastify({
    logger: false,
    bodyLimit: options.bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: newRequestId,
    routerOptions: { maxParamLength, ignoreTrailingSlash: true },
    http: httpOptions,
    clientErrorHandler: onClientError,
    // Refused by the router, before any hook: the path cannot be decoded, or is too long.
    frameworkErrors(error, request, reply) {
      const fault = new Fault('invalid_request', { message: 'the path of the URL is not valid', cause: error });
      log.write('info', 'request', { requestId: request.id, method: request.method, route: '(none)', status: fault.status });
      sendFault(reply.header('x-request-id', request.id), request, fault, log);
    },
  });
  connections.watch(app.server);
  const upgrades = new SocketUpgrades({ messageBytesMax: options.bodyBytesMax, connections, route: (request, response) => app.routing(request, response) });
  upgrades.watch(app.server);
  app.decorate('connections', connections);
  app.decorate('upgrades', upgrades);
  app.decorate('refuseMalformed', onClientError);
  app.decorateRequest('caller', undefined);
  app.decorateRequest('arrivedMs', 0);
  app.decorateRequest('generationId', undefined);
  readJsonBodies(app);
  limitBodies(app, clock);
  app.addHook('onRequest', (request, reply, done) => {
    request.arrivedMs = clock.monotonicMs();
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    if (!log.writes('info')) return done();
    log.write('info', 'request', {
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url ?? '(none)',
      status: reply.raw.statusCode,
      durationMs: Math.round(clock.monotonicMs() - request.arrivedMs),
      ...(request.caller === undefined ? {} : { keyId: request.caller.keyId }),
      ...(request.generationId === undefined ? {} : { generationId: request.generationId }),
    });
    done();
  });
  app.setErrorHandler((error: FastifyError | Fault, request, reply) => sendFault(reply, request, asFault(error), log));
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.url);
    const other = request.method === 'POST' ? 'GET' : 'POST';
    if (!app.hasRoute({ method: other, url: path })) {
      return sendFault(reply, request, new Fault('not_found', { message: `no such path: ${request.method} ${path}` }), log);
    }
    const fault = new Fault('method_not_allowed', { message: `${path} takes ${other}, not ${request.method}` });
    return sendFault(reply.header('allow', other), request, fault, log);
  });
  return app;
}

function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  // Whatever the label says, a body is JSON or refused: curl without -H sends a form's label with its JSON.
  // The usual label is named too, since Fastify takes a longer way to a parser for all labels.
  app.addContentTypeParser(['application/json', '*'], { parseAs: 'buffer' }, (request, body, done) => {
    // SDKs label what they do not send.
    if (body.length === 0 && (request.method !== 'POST' || request.routeOptions.config.bodyOptional === true)) return done(null, undefined);
    try {
      done(null, parseJsonBody(Buffer.isBuffer(body) ? body : Buffer.from(body)));
    } catch (thrown) {
      done(toFault(thrown));
    }
  });
}

/** Requires a valid key on every route of `app`; the body of a caller without one is never read. */
export function requireKey(app: FastifyInstance, callers: CallerSource): void {
  // With a callback and not a promise: nearly every call has a key that is known, and then there is nothing to wait for.
  app.addHook('onRequest', (request, _reply, done) => {
    const token = tokenOf(request);
    request.caller = callers.cached(token);
    if (request.caller !== undefined) return done();
    callers.authenticate(token).then(
      (caller) => {
        request.caller = caller;
        done();
      },
      (thrown: unknown) => done(toFault(thrown)),
    );
  });
}

/** Answers with a fault, dressed as the protocol and the vendor whose path was called. */
export function sendFault(reply: FastifyReply, request: FastifyRequest, fault: Fault, log: Log): FastifyReply {
  if (fault.code === 'internal') {
    const stack = stackOf(fault.cause);
    log.write('error', 'internal error', { requestId: request.id, ...(stack === undefined ? {} : { stack }) });
  }
  const { status, body, headers } = dressFault(fault, request.url, request.id);
  if (fault.standing !== undefined) Object.assign(headers, rateLimitHeaders(fault.standing));
  return reply.code(status).headers(headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** Whatever a request ended in, Fastify's own refusals included, as a fault. */
export function asFault(error: FastifyError | Fault): Fault {
  if (error instanceof Fault) return error;
  const code = fastifyFaults[error.code];
  if (code !== undefined) return new Fault(code, { cause: error });
  return error.statusCode !== undefined && error.statusCode < 500 ? new Fault('invalid_request', { cause: error }) : toFault(error);
}

/** The path of a URL, bounded, without its query, which may hold anything. */
function pathOf(url: string): string {
  return (url.split('?', 1)[0] ?? '').slice(0, 200);
}
