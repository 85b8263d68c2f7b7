import { ProtocolExtensions } from '../extensions.ts';

/** What responses hold that the neutral language has no word for. */
export const responsesExtensions = new ProtocolExtensions('openai-responses');
