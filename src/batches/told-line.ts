import type { Fault } from '../base/fault.ts';
import type { JsonObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import type { LineProtocol } from './line-protocol.ts';

/** The ids of a line's answer, as it is told in the files. */
export interface LineIds {
  readonly id: `batch_req_${string}`;
  readonly requestId: string;
}

/** Ids that no other line has. */
export function newLineIds(random: Random): LineIds {
  return { id: newToldId(random), requestId: `req_${random.bytes(12).toString('hex')}` };
}

/** The line of an output file (responses-ark-anthropic-batch.md 4.2). */
export function outputLine({ id, requestId }: LineIds, customId: string, body: JsonObject): string {
  return JSON.stringify({ id, custom_id: customId, response: { status_code: 200, request_id: requestId, body }, error: null });
}

/** The line of an error file for what would have been an HTTP reply. */
export function refusedLine({ id, requestId }: LineIds, customId: string, fault: Fault, protocol: Pick<LineProtocol, 'encodeFault'>): string {
  const { status, body } = protocol.encodeFault(fault, requestId);
  return JSON.stringify({ id, custom_id: customId, response: { status_code: status, request_id: requestId, body }, error: null });
}

/** Why a line has not run at all. The words are OpenAI's, as far as they are known. */
const unrunReasons = {
  expired: { code: 'batch_expired', message: 'This request could not be executed before the completion window expired.' },
  cancelled: { code: 'batch_cancelled', message: 'This request was not executed because the batch was cancelled.' },
} as const;

/** The line of an error file for what was never asked. */
export function unrunLine(random: Random, customId: string, why: keyof typeof unrunReasons): string {
  return JSON.stringify({ id: newToldId(random), custom_id: customId, response: null, error: unrunReasons[why] });
}


function newToldId(random: Random): LineIds['id'] {
  return `batch_req_${random.bytes(12).toString('hex')}`;
}
