import { Fault } from '../base/fault.ts';
import { isPatchable, type PatchableObject } from './patchable.ts';

/** The data of one event of an upstream's stream. Throws an `upstream_invalid_reply` fault for what is no JSON object. */
export function parseUpstreamEvent(payload: string): PatchableObject {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    throw invalidReply('an event that is no JSON');
  }
  if (!isPatchable(value)) throw invalidReply('an event that is no JSON object');
  return value;
}

/** The fault of an upstream that sent `what`, which its protocol does not have. */
export function invalidReply(what: string): Fault {
  return new Fault('upstream_invalid_reply', { message: `the upstream sent ${what}` });
}
