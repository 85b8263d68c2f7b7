import type { FastifyReply } from 'fastify';
import { Fault } from '../base/fault.ts';

/** Aborts with `caller_gone` when the client leaves before it has its answer. */
export function leavingSignal({ raw }: FastifyReply): AbortSignal {
  const left = new AbortController();
  const leave = (): void => {
    if (!raw.writableFinished) left.abort(new Fault('caller_gone'));
  };
  if (raw.destroyed) leave();
  else raw.once('close', leave);
  return left.signal;
}
