import type { GenerationId } from '../base/id.ts';
import type { Loss } from '../dialogue/extensions.ts';
import type { AttemptOpened } from '../gateway/gateway.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';

interface ReplyIds {
  readonly requestId: string;
  readonly generationId: GenerationId;
}

/** Our ids of a reply, before anybody has answered. */
export function idHeaders({ requestId, generationId }: ReplyIds): Record<string, string> {
  return { 'x-request-id': requestId, 'x-generation-id': generationId };
}

/** Who answers, what of the request could not be carried there, and what is left of the caller's rate limits. */
export function openedHeaders(ids: ReplyIds, opened: AttemptOpened): Record<string, string> {
  return {
    ...idHeaders(ids),
    'x-moongate-upstream': opened.upstreamId,
    ...(opened.standing === undefined ? {} : rateLimitHeaders(opened.standing)),
    ...(opened.losses.length === 0 ? {} : { 'x-moongate-loss': opened.losses.map(lossText).join(', ').slice(0, 1024) }),
  };
}

function lossText(loss: Loss): string {
  return `${loss.field}: ${loss.reason}`.replace(/[^\x20-\x7e]/g, '?');
}
