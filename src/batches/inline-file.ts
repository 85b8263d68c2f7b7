import { Fault } from '../base/fault.ts';
import { isJsonObject } from '../base/json.ts';
import { requestOf } from './batch-line.ts';
import type { LineProtocols } from './line-protocol.ts';

/** Requests that came with the batch itself, as the file that is made of them. Throws `invalid_request` for what a line could not be. */
export function inlineFile(requests: readonly unknown[], endpoint: string, protocols: Pick<LineProtocols, 'isSame'>, linesMax: number): AsyncIterable<Uint8Array> {
  if (requests.length === 0) throw new Fault('invalid_request', { message: "Invalid 'requests': there must be at least one.", field: 'requests' });
  if (requests.length > linesMax) throw new Fault('invalid_request', { message: `Invalid 'requests': there may be at most ${linesMax}.`, field: 'requests' });
  for (const [index, request] of requests.entries()) {
    const line = isJsonObject(request) ? requestOf(request, endpoint, protocols) : ({ message: 'Expected an object.' } as const);
    if ('message' in line) {
      const field = `requests.${index}${'param' in line && line.param !== undefined ? `.${line.param}` : ''}`;
      throw new Fault('invalid_request', { message: `Invalid '${field}': ${line.message}`, field });
    }
  }
  return asLines(requests, endpoint);
}

/** As vendors want each line to be, so that the file can be used again. */
async function* asLines(requests: readonly unknown[], endpoint: string): AsyncGenerator<Uint8Array> {
  for (const request of requests) {
    if (!isJsonObject(request)) continue;
    yield Buffer.from(`${JSON.stringify({ custom_id: request['custom_id'], method: 'POST', url: request['url'] ?? endpoint, body: request['body'] })}\n`);
  }
}
