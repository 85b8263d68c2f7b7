import type { Protocol } from '../dialogue/protocol.ts';

/** Under which `/messages` stands: Anthropic's own, Moonshot's (its SDK's base URL ends in `/anthropic`), OpenRouter's. */
export const messagesBasePaths: readonly string[] = ['/v1', '/anthropic/v1', '/api/v1'];

const messagesPath = /^(\/anthropic\/|\/(api\/)?v1\/messages(\/|$))/;
/** Where OpenAI has what Moonshot has not, its form of errors holds. */
const responsesPath = /^\/(v1|api\/v1|api\/v3)\/(responses|conversations|uploads)(\/|$)/;

/** The protocol that a client of `url` speaks, also where there is no such path: in its words it is to be told what is wrong. */
export function protocolOf(url: string): Protocol {
  const path = url.split('?', 1)[0] ?? '';
  if (messagesPath.test(path)) return 'anthropic-messages';
  return responsesPath.test(path) ? 'openai-responses' : 'openai-chat';
}
