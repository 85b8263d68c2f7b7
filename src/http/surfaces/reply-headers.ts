import type { GenerationId } from '../../base/id.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { AttemptOpened } from '../../gateway/gateway.ts';

interface ReplyIds {
  readonly requestId: string;
  readonly generationId: GenerationId;
}

/** Our ids of a reply, before anybody has answered. */
export function idHeaders({ requestId, generationId }: ReplyIds): Record<string, string> {
  return { 'x-request-id': requestId, 'x-generation-id': generationId };
}

/** Who answers, and what of the request could not be carried there. */
export function openedHeaders(ids: ReplyIds, opened: AttemptOpened): Record<string, string> {
  return {
    ...idHeaders(ids),
    'x-moongate-upstream': opened.upstreamId,
    ...(opened.losses.length === 0 ? {} : { 'x-moongate-loss': opened.losses.map(lossText).join(', ').slice(0, 1024) }),
  };
}

function lossText(loss: Loss): string {
  return `${loss.field}: ${loss.reason}`.replace(/[^\x20-\x7e]/g, '?');
}
