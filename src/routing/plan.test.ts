import { describe, expect, it } from 'vitest';

import { Fault, type FaultCode } from '../base/fault.ts';
import { Catalog, type EnabledUpstream } from '../catalog/catalog.ts';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import type { HealthState } from './health.ts';
import { plan, retiredFault, type Plan, type PlanInput } from './plan.ts';

const before = Date.parse('2026-02-01');
const after = Date.parse('2026-06-01');
const on = (id: string, selfHosted = false): EnabledUpstream => ({ id, baseUrl: 'http://127.0.0.1:1/v1', selfHosted });
const all = ['moonshot', 'ark', 'cometapi', 'routerai', 'openrouter'].map((id) => on(id));

interface Given extends Partial<PlanInput> {
  readonly enabled?: readonly EnabledUpstream[];
  readonly states?: Readonly<Record<string, HealthState>>;
}

function planFor(requestedModel: string, given: Given = {}): Plan {
  const { enabled = all, states = {}, ...rest } = given;
  const catalog = new Catalog(shippedCatalog(), undefined, enabled);
  const resolved = catalog.resolve(requestedModel);
  const id = resolved?.model.id ?? '';
  const nowMs = given.nowMs ?? before;
  const next = catalog.successor(id, nowMs);
  return plan({
    requestedModel,
    resolved,
    offers: catalog.offers(id),
    sandboxOffer: catalog.sandboxOffer(id),
    successor: next && { model: next, offers: catalog.offers(next.id) },
    mode: 'live',
    policy: { allowUnpriced: false, mapRetired: false },
    everConfigured: true,
    configured: enabled.length > 0,
    health: (upstreamId) => states[upstreamId] ?? { kind: 'ready' },
    nowMs,
    ...rest,
  });
}

const order = (made: Plan): readonly string[] => made.attempts.map((attempt) => attempt.offer.upstreamId);

function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}
const refused = (model: string, given: Given = {}): readonly [FaultCode, string] => {
  const fault = faultOf(() => planFor(model, given));
  return [fault.code, fault.message];
};

describe('order of attempts', () => {
  it('has who may hold the conversation first, but only among equals', () => {
    const all = order(planFor('kimi-k2-thinking'));
    const last = all.at(-1) ?? '';
    expect(all.length).toBeGreaterThan(2);
    expect(order(planFor('kimi-k2-thinking', { heldAt: [last, 'gone'] }))).toEqual([last, ...all.slice(0, -1)]);
    expect(order(planFor('kimi-k2-thinking', { heldAt: [last], states: { [last]: { kind: 'cooling' } } }))).toEqual(all);
  });

  it('is the catalog’s', () => {
    const made = planFor('moonshotai/Kimi-K2-Thinking');
    expect(order(made)).toEqual(['moonshot', 'ark', 'cometapi', 'openrouter']);
    expect(made.attempts.map((attempt) => attempt.sendModel)).toEqual([
      'kimi-k2-thinking', 'kimi-k2-thinking-251104', 'kimi-k2-thinking', 'moonshotai/kimi-k2-thinking',
    ]);
    expect(made.attempts[0]).toMatchObject({ costState: 'priced', price: { input: '0.60' }, retired: false, successor: false });
  });

  it('is not changed by a variant', () => {
    const made = planFor('moonshotai/kimi-k2-0905:exacto');
    expect(made.variant).toBe('exacto');
    expect(order(made)).toEqual(order(planFor('kimi-k2-0905')));
  });

  it('puts offers past their day last, and refuses none for it', () => {
    expect(order(planFor('kimi-k2-thinking', { nowMs: after }))).toEqual(['ark', 'cometapi', 'openrouter', 'moonshot']);
    const only = planFor('kimi-k2-thinking', { nowMs: after, enabled: [on('moonshot')] });
    expect(only.attempts).toMatchObject([{ retired: true, costState: 'priced' }]);
  });

  it('puts who is cooling behind, and leaves out who asked for a pause', () => {
    const states = { moonshot: { kind: 'cooling' }, ark: { kind: 'barred', retryAfterMs: 500, rateLimited: true } } as const;
    expect(order(planFor('kimi-k2-thinking', { states }))).toEqual(['cometapi', 'openrouter', 'moonshot']);
    expect(order(planFor('kimi-k2-thinking', { states, enabled: [on('moonshot')] }))).toEqual(['moonshot']);
  });

  it('leaves out windows that do not hold the prompt, and puts back those that hold only that', () => {
    const both = [on('moonshot'), on('ark')];
    expect(order(planFor('kimi-k2', { enabled: both, promptTokensMin: 131_072 }))).toEqual(['moonshot', 'ark']);
    expect(order(planFor('kimi-k2', { enabled: both, promptTokensMin: 131_073 }))).toEqual(['ark']);
    const tight = planFor('kimi-k2', { enabled: both, promptTokensMin: 131_000, outputTokensMax: 100 });
    expect(order(tight)).toEqual(['ark', 'moonshot']);
    expect(order(planFor('kimi-k2', { enabled: both, outputTokensMax: 1_000_000 }))).toEqual(['moonshot', 'ark']);
  });
});

describe('a line of a batch', () => {
  const offers = (model: string): PlanInput['offers'] =>
    new Catalog(shippedCatalog(), { offers: [{ upstream: 'ark', model, batchModel: 'ep-bi-1' }] }, all).offers(model);

  it('goes to a batch endpoint first, under the id that is for it, and else where any call goes', () => {
    const made = planFor('kimi-k2-thinking', { offers: offers('kimi-k2-thinking'), batch: true });
    expect(made.attempts[0]).toMatchObject({ offer: { upstreamId: 'ark' }, sendModel: 'ep-bi-1', batchEndpoint: true });
    expect(order(made).slice(1)).toEqual(order(planFor('kimi-k2-thinking')).filter((id) => id !== 'ark'));
    expect(made.attempts.slice(1).every(({ batchEndpoint }) => batchEndpoint === undefined)).toBe(true);
  });

  it('does not when that upstream is cooling down; and no other call ever does', () => {
    const states = { ark: { kind: 'cooling' } } as const;
    expect(order(planFor('kimi-k2-thinking', { offers: offers('kimi-k2-thinking'), batch: true, states }))[0]).toBe('moonshot');
    const interactive = planFor('kimi-k2-thinking', { offers: offers('kimi-k2-thinking') });
    expect(order(interactive)).toEqual(order(planFor('kimi-k2-thinking')));
    expect(interactive.attempts.find(({ offer }) => offer.upstreamId === 'ark')).toMatchObject({ sendModel: 'kimi-k2-thinking-251104' });
  });
});

describe('refusals', () => {
  it('of a name that means nothing, or a model that is only here to compare with', () => {
    expect(refused('gpt-9')).toEqual(['model_not_found', 'Not found the model gpt-9 or Permission denied']);
    expect(refused('gpt-5')).toEqual(['model_not_found', 'Not found the model gpt-5 or Permission denied']);
    expect(refused('gpt-5', { mode: 'test' })[0]).toBe('model_not_found');
    expect(refused('x'.repeat(10_000))[1].length).toBeLessThan(300);
  });

  it('of a model that the key may not use', () => {
    expect(refused('kimi-k2', { allowedModels: ['kimi-k3'] })[0]).toBe('permission_denied');
    expect(refused('kimi-k2', { allowedModels: [], mode: 'test' })[0]).toBe('permission_denied');
    expect(order(planFor('moonshotai/kimi-k2', { allowedModels: ['kimi-k2'] })).length).toBeGreaterThan(0);
  });

  it('of a prompt that nobody can take, in Moonshot’s words', () => {
    const text = 'Invalid request: Your request exceeded model token limit: 262144 (requested: 274613)';
    expect(refused('kimi-k2', { promptTokensMin: 274_613 })).toEqual(['prompt_too_long', text]);
    expect(refused('kimi-k2', { promptTokensMin: 274_613, mode: 'test' })).toEqual(['prompt_too_long', text]);
  });

  it('of a model without a price, unless the policy allows it', () => {
    const enabled = [on('cometapi')];
    expect(refused('kimi-k3', { enabled })[0]).toBe('model_unpriced');
    const allowed = planFor('kimi-k3', { enabled, policy: { allowUnpriced: true, mapRetired: false } });
    expect(allowed.attempts).toMatchObject([{ costState: 'unpriced', price: undefined }]);
    expect(order(planFor('kimi-k3', { nowMs: Date.parse('2026-08-01') }))).toEqual(['moonshot', 'openrouter']);
  });

  it('when nobody is there', () => {
    expect(refused('kimi-k2', { enabled: [] })[0]).toBe('no_upstream');
    // Somebody is, but nobody serves this model: no use in trying again.
    expect(refused('kimi-k2', { enabled: [on('routerai')] })).toEqual(['model_not_found', expect.stringContaining('no upstream that is configured here serves kimi-k2')]);
  });

  it('when all asked for a pause, with the shortest of them', () => {
    const limited = { kind: 'barred', retryAfterMs: 9_000, rateLimited: true } as const;
    const soon = { kind: 'barred', retryAfterMs: 2_000, rateLimited: true } as const;
    const enabled = [on('moonshot'), on('ark')];
    const fault = (moonshot: HealthState, ark: HealthState): Fault =>
      faultOf(() => planFor('kimi-k2', { enabled, states: { moonshot, ark } }));
    expect(fault(limited, soon)).toMatchObject({ code: 'upstream_rate_limited', retryAfterMs: 2_000 });
    expect(fault(limited, { ...soon, rateLimited: false })).toMatchObject({ code: 'no_upstream' });
  });
});

describe('the sandbox', () => {
  it('answers test keys, always and only, metered and free', () => {
    const made = planFor('kimi-k2', { mode: 'test' });
    expect(made.attempts).toMatchObject([
      { costState: 'free', sendModel: 'kimi-k2', offer: { upstreamId: 'sandbox' }, price: { currency: 'CNY', input: '12' } },
    ]);
    expect(order(planFor('kimi-k2.7-code-highspeed', { mode: 'test' }))).toEqual(['sandbox']);
  });

  it('answers live keys until an upstream has been configured, and never again', () => {
    const given = { enabled: [], everConfigured: false };
    expect(planFor('kimi-k2', given).attempts).toMatchObject([{ costState: 'free', offer: { upstreamId: 'sandbox' } }]);
    expect(refused('kimi-k2', { ...given, everConfigured: true })[0]).toBe('no_upstream');
    expect(order(planFor('kimi-k2'))).not.toContain('sandbox');
  });
});

describe('upstreams of one’s own', () => {
  it('get the caller’s spelling, less the variant, while it is unknown what they serve', () => {
    const enabled = [on('vllm', true)];
    expect(planFor('MoonshotAI/Kimi-K2-Thinking:exacto', { enabled }).attempts).toMatchObject([
      { sendModel: 'MoonshotAI/Kimi-K2-Thinking', costState: 'priced', price: { input: '0' } },
    ]);
  });

  it('are asked last, as the catalog has them', () => {
    expect(order(planFor('kimi-k2.5', { enabled: [on('vllm', true), on('moonshot')] }))).toEqual(['moonshot', 'vllm']);
  });
});

describe('retired models', () => {
  const mapped = { policy: { allowUnpriced: false, mapRetired: true }, nowMs: after };

  it('are mapped to the successor, after the vendor’s refusal, if the operator says so', () => {
    const made = planFor('kimi-k2-thinking', { ...mapped, enabled: [on('moonshot')] });
    expect(made.attempts.map(({ sendModel, successor, retired }) => [sendModel, successor, retired])).toEqual([
      ['kimi-k2-thinking', false, true],
      ['kimi-k2.6', true, false],
    ]);
    expect(made.model.id).toBe('kimi-k2-thinking');
  });

  it('are not mapped while somebody serves them, nor to what the key may not use', () => {
    expect(planFor('kimi-k2-thinking', mapped).attempts.some((attempt) => attempt.successor)).toBe(false);
    const allowedModels = ['kimi-k2-thinking'];
    expect(planFor('kimi-k2-thinking', { ...mapped, enabled: [on('moonshot')], allowedModels }).attempts).toHaveLength(1);
    expect(planFor('kimi-k2-thinking', { nowMs: after, enabled: [on('moonshot')] }).attempts).toHaveLength(1);
  });

  it('are answered with the successor’s name', () => {
    const catalog = new Catalog(shippedCatalog(), undefined, [on('moonshot')]);
    const model = catalog.model('kimi-k2-thinking');
    if (model === undefined) throw new Error('not in the catalog');
    const fault = retiredFault(model, catalog.successor(model.id, after), 'moonshot');
    expect(fault).toMatchObject({ code: 'model_retired', status: 404, upstream: 'moonshot', field: 'model' });
    expect(fault.message).toContain('kimi-k2.6');
    expect(retiredFault(model, undefined).message).not.toContain('undefined');
  });
});
