import type { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { SealedThinking, ThinkingSeals } from '../../dialogue/thinking-seal.ts';
import { invalidRequest, shortened } from './responses-fault.ts';

/**
 * The thinking in a reasoning item: what is sealed in it counts, as at OpenAI, where the summary is for people; else its text, else
 * its summary. `field`: the item's path. Throws `invalid_request` when the seal is not ours, of another tenant, or damaged.
 */
export function decodeReasoning(item: JsonObject, field: string, seals: ThinkingSeals): SealedThinking {
  const text = textOf(item['content'], '') || textOf(item['summary'], '\n\n');
  const sealed = item['encrypted_content'];
  if (typeof sealed !== 'string' || sealed === '') return { text };
  // Sealed with its text inside, as we write it here; or by another surface, to vouch for the text that stands beside it.
  const opened = seals.open(sealed, '') ?? seals.open(sealed, text);
  if (opened === undefined) throw sealFault(item, field);
  return opened;
}

/** For sealed content that is not ours, of another tenant, or damaged. */
export function sealFault(item: JsonObject, field: string): Fault {
  const { id } = item;
  const whose = typeof id === 'string' ? ` for item ${shortened(id)}` : '';
  return invalidRequest(
    field === 'input' ? field : `${field}.encrypted_content`,
    `The encrypted content${whose} could not be verified. Reason: Encrypted content could not be decrypted or parsed. Leave the item out, or send it without encrypted_content.`,
  );
}

function textOf(parts: JsonValue | undefined, glue: string): string {
  if (!Array.isArray(parts)) return '';
  const list = parts as readonly JsonValue[];
  return list.flatMap((part) => (isJsonObject(part) && typeof part['text'] === 'string' ? [part['text']] : [])).join(glue);
}
