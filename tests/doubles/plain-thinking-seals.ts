import { isJsonObject } from '../../src/base/json.ts';
import type { ThinkingProof, ThinkingSeals } from '../../src/dialogue/thinking-seal.ts';

const mark = 'sealed:';

/** Seals that say in plain text what they hold, and that open nothing else: for tests of what a codec has sealed. */
export const plainThinkingSeals: ThinkingSeals = {
  seal: ({ text, proof }, shown) => mark + JSON.stringify({ ...(shown ? { vouched: text } : { text }), ...(proof === undefined ? {} : { proof }) }),
  open: (seal, beside) => {
    if (!seal.startsWith(mark)) return undefined;
    const content: unknown = JSON.parse(seal.slice(mark.length));
    if (!isJsonObject(content)) return undefined;
    const { text, vouched } = content;
    if (vouched !== undefined && vouched !== beside) return undefined;
    const proof = content['proof'] as ThinkingProof | undefined;
    return { text: typeof text === 'string' ? text : beside, ...(proof === undefined ? {} : { proof }) };
  },
};
