import type { Fault } from '../base/fault.ts';
import type { JsonObject } from '../base/json.ts';
import { encodeMessagesError } from '../wire/anthropic-messages/error-encode.ts';
import { encodeChatError } from '../wire/openai-chat/error-encode.ts';
import { encodeResponsesError } from '../wire/openai-responses/error-encode.ts';
import { vendorOf } from './base-path.ts';
import { protocolOf } from './protocol-of-path.ts';

/** A fault as it is answered. */
export interface DressedFault {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Record<string, string>;
}

/** A fault in the words of whoever speaks at `url`, whether or not there is such a path. */
export function dressFault(fault: Fault, url: string, requestId: string): DressedFault {
  const vendor = vendorOf(url);
  switch (protocolOf(url)) {
    case 'anthropic-messages':
      return encodeMessagesError(fault, requestId);
    case 'openai-responses':
      // Ark has one form of error for all that it speaks.
      return vendor === 'ark' ? encodeChatError(fault, vendor, requestId) : encodeResponsesError(fault);
    case 'openai-chat':
      return encodeChatError(fault, vendor, requestId);
  }
}
