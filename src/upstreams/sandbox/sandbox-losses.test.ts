import { expect, it } from 'vitest';
import type { Loss } from '../../dialogue/extensions.ts';
import { asking, callOf, sandbox } from './play-sandbox.ts';

it('the sandbox says what of a request it passes over', async () => {
  let told: readonly Loss[] = [];
  const opaque = { type: 'opaque', protocol: 'openai-responses', value: { type: 'x' } } as const;
  const request = asking('', {
    messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }, { type: 'file', url: 'data:application/pdf;base64,AA==' }, opaque] }],
    tools: [{ kind: 'opaque', protocol: 'openai-responses', value: { type: 'web_search' } }],
  });
  const handler = { onOpen: (_flow: unknown, losses: readonly Loss[]) => (told = losses), onBatches: () => undefined };
  await sandbox().generate(callOf(request), handler, new AbortController().signal);
  expect(told.map(({ field }) => field)).toEqual(['messages.0.content.1', 'messages.0.content.2', 'tools.0']);
});
