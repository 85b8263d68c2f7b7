import type { FastifyReply } from 'fastify';
import { Fault } from '../../../base/fault.ts';

/** Aborts with `caller_gone` when the client leaves before it has its answer. */
export function leavingSignal({ raw }: FastifyReply): AbortSignal {
  const left = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) left.abort(new Fault('caller_gone'));
  });
  return left.signal;
}
