import type { FastifyRequest } from 'fastify';
import type { Caller } from '../access/caller.ts';
import { Fault } from '../base/fault.ts';

/** What turns a token into a caller; see `access/authenticate.ts`. */
export interface CallerSource {
  /** The caller of a token that was seen before, at once. */
  cached(token: string): Caller | undefined;
  authenticate(token: string): Promise<Caller>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every surface that needs a key, before its body is read. */
    caller: Caller | undefined;
    /** When the request arrived, on the monotonic clock. */
    arrivedMs: number;
    generationId: string | undefined;
  }
}

/**
 * The one place where a request's token is read, whichever header carries it: `Authorization: Bearer` or `x-api-key`.
 * Throws `unauthenticated` when there is none, or when the two headers disagree.
 */
export function tokenOf(request: FastifyRequest): string {
  // Some clients send an empty one beside the key that they mean.
  const authorization = request.headers.authorization?.trim() === '' ? undefined : request.headers.authorization;
  const apiKey = request.headers['x-api-key'];
  const bearer = authorization === undefined ? undefined : /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (authorization !== undefined && bearer === undefined) throw new Fault('unauthenticated');
  if (Array.isArray(apiKey) || (bearer !== undefined && apiKey !== undefined && bearer !== apiKey)) {
    throw new Fault('unauthenticated', { message: 'Invalid Authentication: two different keys were sent' });
  }
  const token = bearer ?? apiKey;
  if (token === undefined || token === '') throw new Fault('unauthenticated');
  return token;
}

/** The caller of an authenticated request. Throws `unauthenticated` on a route that forgot to ask for a key. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === undefined) throw new Fault('unauthenticated');
  return request.caller;
}
