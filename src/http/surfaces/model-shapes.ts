import type { JsonObject } from '../../base/json.ts';
import { formatDecimal, parseDecimal } from '../../base/money.ts';
import type { Model } from '../../catalog/model.ts';
import type { Offer, Price } from '../../catalog/offer.ts';
import { discount, priceAt } from '../../catalog/price.ts';

/** A model that can be called, and who would answer: offers in order of attempts. */
export interface ListedModel {
  readonly model: Model;
  readonly offers: readonly Offer[];
  /** The model at its maker's list price, to compare with. */
  readonly official?: Offer;
}

/** A model as Moonshot and OpenAI list it (moonshot-api.md 1.2). Context and limits are those of the first offer. */
export function moonshotModel({ model, offers: [first] }: ListedModel): JsonObject {
  return {
    id: model.id,
    object: 'model',
    created: createdS(model.releasedOn),
    owned_by: model.author === 'moonshotai' ? 'moonshot' : model.author,
    display_name: model.name,
    context_length: first?.contextTokens ?? model.contextTokens,
    max_output_tokens: first?.outputTokensMax ?? model.contextTokens,
    supports_image_in: model.inputModalities.includes('image'),
    supports_video_in: model.inputModalities.includes('video'),
    supports_reasoning: model.thinking.kind !== 'never',
    supports_tool_use: true,
    supports_thinking_type: model.thinking.kind === 'always' ? 'only' : model.thinking.kind === 'never' ? 'no' : 'both',
    ...(model.thinking.efforts === undefined
      ? {}
      : { think_efforts: { support: true, valid_efforts: model.thinking.efforts, default_effort: model.thinking.effortDefault ?? null } }),
    served_by: first?.upstreamId ?? null,
  };
}

/** A model as Anthropic lists it (responses-ark-anthropic-batch.md 3.5): what its SDK's `models.list()` reads. */
export function anthropicModel({ model }: ListedModel): JsonObject {
  return { type: 'model', id: model.id, display_name: model.name, created_at: new Date(createdS(model.releasedOn) * 1000).toISOString() };
}

/** A model as Ark lists it (responses-ark-anthropic-batch.md 2.1): id, name, status, beside OpenAI's fields. */
export function arkModel(listed: ListedModel, nowMs: number): JsonObject {
  const retiresOn = listed.offers[0]?.retiresOn;
  const retired = retiresOn !== undefined && Date.parse(retiresOn) <= nowMs;
  return { ...moonshotModel(listed), name: listed.model.name, status: retired ? 'Retiring' : 'Active' };
}

/**
 * A model as OpenRouter lists it (moonshot-api.md 6.3): slug, architecture, prices as strings per single token. The
 * prices are those of the first offer, in its own currency, which `pricing.currency` names.
 */
export function openRouterModel({ model, offers: [first], official }: ListedModel, nowMs: number): JsonObject {
  const contextLength = first?.contextTokens ?? model.contextTokens;
  return {
    id: model.slug,
    canonical_slug: model.slug,
    name: model.name,
    created: createdS(model.releasedOn),
    description: model.description,
    context_length: contextLength,
    hugging_face_id: model.weights ?? null,
    architecture: architecture(model),
    pricing: pricing(first === undefined ? undefined : priceAt(first, nowMs), official === undefined ? undefined : priceAt(official, nowMs)),
    top_provider: { context_length: contextLength, max_completion_tokens: first?.outputTokensMax ?? null, is_moderated: false },
    per_request_limits: null,
    supported_parameters: supportedParameters(model.thinking.kind !== 'never'),
    default_parameters: { temperature: model.sampling.temperatureDefault ?? null },
    expiration_date: first?.retiresOn ?? null,
    links: { details: `/api/v1/models/${model.slug}/endpoints` },
    served_by: first?.upstreamId ?? null,
  };
}

/**
 * Who serves a model, as OpenRouter lists it (moonshot-api.md 6.3): one endpoint for each upstream, in order of attempts, with
 * its own window and prices. `status` is 0 for one that would be asked now and negative for one that rests. What nobody here measures
 * is null.
 */
export function openRouterEndpoints({ model, offers, official }: ListedModel, nowMs: number, isReady: (upstreamId: string) => boolean): JsonObject {
  const compared = official === undefined ? undefined : priceAt(official, nowMs);
  return {
    id: model.slug,
    name: model.name,
    created: createdS(model.releasedOn),
    description: model.description,
    architecture: architecture(model),
    endpoints: offers.map((offer) => ({
      name: `${offer.upstreamId} | ${model.slug}`,
      model_id: model.slug,
      model_name: model.name,
      provider_name: offer.upstreamId,
      tag: offer.upstreamId,
      quantization: 'unknown',
      context_length: offer.contextTokens,
      max_completion_tokens: offer.outputTokensMax,
      max_prompt_tokens: offer.contextTokens,
      pricing: pricing(priceAt(offer, nowMs), compared),
      supported_parameters: supportedParameters(model.thinking.kind !== 'never'),
      supports_implicit_caching: priceAt(offer, nowMs)?.cacheRead !== undefined,
      status: isReady(offer.upstreamId) ? 0 : -1,
      uptime_last_5m: null,
      uptime_last_30m: null,
      uptime_last_1d: null,
      latency_last_30m: null,
      throughput_last_30m: null,
    })),
  };
}

function architecture({ inputModalities: input, outputModalities: output }: Model): JsonObject {
  return { modality: `${input.join('+')}->${output.join('+')}`, input_modalities: input, output_modalities: output, tokenizer: 'Other', instruct_type: null };
}

function supportedParameters(thinks: boolean): string[] {
  const always = ['max_tokens', 'temperature', 'top_p', 'stop', 'tools', 'tool_choice', 'response_format', 'structured_outputs', 'presence_penalty', 'frequency_penalty'];
  return thinks ? [...always, 'reasoning', 'include_reasoning', 'reasoning_effort'] : always;
}

/** Unpriced is said as such (`priced: false`, no figures), so that nobody takes it for free. */
function pricing(price: Price | undefined, official: Price | undefined): JsonObject {
  if (price === undefined) return { priced: false };
  const below = official === undefined || official === price ? undefined : discount(price, official);
  return {
    priced: true,
    currency: price.currency,
    prompt: perToken(price.input),
    completion: perToken(price.output),
    request: '0',
    image: '0',
    ...(price.cacheRead === undefined ? {} : { input_cache_read: perToken(price.cacheRead) }),
    ...(price.cacheWrite === undefined ? {} : { input_cache_write: perToken(price.cacheWrite) }),
    // In percent below the maker's own price, whatever a vendor calls it: a negative one is a surcharge.
    ...(below === undefined ? {} : { discount_percent: { ...below } }),
  };
}

function perToken(ratePerMillion: string): string {
  return formatDecimal(parseDecimal(ratePerMillion, 9), 15);
}

/** Midnight UTC of an ISO date as Unix seconds; 0 when the date is not known. */
function createdS(isoDate: string | undefined): number {
  return isoDate === undefined ? 0 : Date.parse(isoDate) / 1000;
}
