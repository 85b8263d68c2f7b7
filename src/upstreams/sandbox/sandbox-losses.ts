import type { Loss } from '../../dialogue/extensions.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';

/** What of a request the sandbox passes over, as any upstream has to say: documents, and what only one vendor runs or reads. */
export function sandboxLosses({ messages, tools = [] }: DialogueRequest): readonly Loss[] {
  const losses: Loss[] = [];
  for (const [index, { content }] of messages.entries()) {
    if (typeof content === 'string' || content === null || content === undefined) continue;
    for (const [at, part] of content.entries()) {
      const field = `messages.${index}.content.${at}`;
      if (part.type === 'file' && part.text === undefined) losses.push({ field, reason: 'the sandbox reads no documents' });
      else if (part.type === 'opaque') losses.push({ field, reason: 'only the protocol that it came by knows this kind of content' });
    }
  }
  for (const [index, tool] of tools.entries()) {
    if (tool.kind === 'opaque') losses.push({ field: `tools.${index}`, reason: 'the sandbox does not know this kind of tool' });
  }
  return losses;
}
