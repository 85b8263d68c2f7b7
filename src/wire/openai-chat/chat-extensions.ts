import { ProtocolExtensions } from '../extensions.ts';

/** What chat completions hold that the neutral language has no word for. */
export const chatExtensions = new ProtocolExtensions('openai-chat');
