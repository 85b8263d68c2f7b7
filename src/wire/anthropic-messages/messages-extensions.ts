import { ProtocolExtensions } from '../extensions.ts';

/** What Anthropic's Messages hold that the neutral language has no word for. */
export const messagesExtensions = new ProtocolExtensions('anthropic-messages');
