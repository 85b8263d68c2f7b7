import { describe, expect, it } from 'vitest';
import type { Offer } from '../catalog/offer.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { boundsOf } from './call-bounds.ts';

const offer: Offer = { modelId: 'm', upstreamId: 'u', upstreamModel: 'm', contextTokens: 1_000, outputTokensMax: 800, prices: [] };
const asking = (over: Partial<DialogueRequest> = {}): DialogueRequest => ({ protocol: 'openai-chat', model: 'm', messages: [], sampling: {}, stream: false, ...over });

describe('the bounds of a call', () => {
  it('are the caller’s limit, but no more than the offer is known to give', () => {
    expect(boundsOf(asking({ outputTokensMax: 50 }), offer, 100, true)).toEqual({ promptTokensMax: 100, outputTokensMax: 50, choiceCount: 1 });
    expect(boundsOf(asking({ outputTokensMax: 5_000 }), offer, 100, true)).toMatchObject({ outputTokensMax: 800 });
    expect(boundsOf(asking({ outputTokensMax: 5_000 }), { ...offer, contextAssumed: true }, 100, true)).toMatchObject({ outputTokensMax: 5_000 });
    expect(boundsOf(asking({ outputTokensMax: Number.MAX_SAFE_INTEGER }), { ...offer, contextAssumed: true }, 100, true)).toMatchObject({ outputTokensMax: 10_000_000 });
  });

  it('are the offer’s default where the caller is silent, which is sent anyway', () => {
    expect(boundsOf(asking(), { ...offer, outputTokensDefault: 64 }, 100, true)).toEqual({ promptTokensMax: 100, outputTokensMax: 64, choiceCount: 1 });
  });

  it('are what the window leaves where nobody says anything, sent only when the payer can run out of money', () => {
    expect(boundsOf(asking(), offer, 300, true)).toEqual({ promptTokensMax: 300, outputTokensMax: 700, choiceCount: 1, limitToSend: 700 });
    expect(boundsOf(asking(), offer, 300, false)).toEqual({ promptTokensMax: 300, outputTokensMax: 700, choiceCount: 1 });
    expect(boundsOf(asking(), offer, 100, true)).toMatchObject({ outputTokensMax: 800, limitToSend: 800 });
  });

  it('are 32,768 tokens for such a payer where the window would leave more', () => {
    const wide = { ...offer, contextTokens: 262_144, outputTokensMax: 262_144 };
    expect(boundsOf(asking(), wide, 300, true)).toMatchObject({ outputTokensMax: 32_768, limitToSend: 32_768 });
    expect(boundsOf(asking(), wide, 300, false)).toMatchObject({ outputTokensMax: 261_844 });
    expect(boundsOf(asking({ outputTokensMax: 100_000 }), wide, 300, true)).toMatchObject({ outputTokensMax: 100_000 });
  });

  it('do not take a long prompt’s bound for its length: no limit is made of a window that only seems full', () => {
    expect(boundsOf(asking(), offer, 4_000, true)).toEqual({ promptTokensMax: 1_000, outputTokensMax: 800, choiceCount: 1 });
    expect(boundsOf(asking(), { ...offer, contextAssumed: true }, 4_000, true)).toMatchObject({ promptTokensMax: 4_000 });
  });

  it('count every answer that was asked for', () => {
    expect(boundsOf(asking({ sampling: { choiceCount: 3 } }), offer, 100, true)).toMatchObject({ choiceCount: 3 });
  });
});
