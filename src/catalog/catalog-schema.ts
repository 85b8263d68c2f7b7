import { z } from 'zod';
import { priceEntrySchema } from './price-entry-schema.ts';

/**
 * The shape of `catalog.yaml`, and of the fragment with which a configuration extends or overrides it. Entries may be
 * partial here: what must be there once both are merged is checked in `assemble-catalog.ts`.
 */

const words = z.string().min(1).max(2000);
const modelName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s*][^\s]*$/, 'a model id has no blanks and does not begin with "*"');
const upstreamId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'lower-case letters, digits, "-" and "_"');
const isoDate = z.iso.date();
const tokenCount = z.int().min(1).max(1_000_000_000);
const modality = z.enum(['text', 'image', 'video', 'audio']);

const architectureSchema = z.strictObject({
  kind: words,
  parametersTotal: words.exactOptional(),
  parametersActive: words.exactOptional(),
  expertCount: z.int().positive().exactOptional(),
  expertsPerToken: z.int().positive().exactOptional(),
  vocabularySize: z.int().positive().exactOptional(),
  quantization: words.exactOptional(),
});

const thinkingSchema = z.strictObject({
  kind: z.enum(['never', 'always', 'switchable']),
  default: z.enum(['on', 'off']),
  keep: z.boolean(),
  efforts: z.array(words).exactOptional(),
  effortDefault: words.exactOptional(),
});

const samplingSchema = z.strictObject({
  temperatureDefault: z.number().min(0).max(2).exactOptional(),
  fixed: z
    .strictObject({
      temperatureThinking: z.number().min(0).max(2),
      temperaturePlain: z.number().min(0).max(2),
      topP: z.number().min(0).max(1),
    })
    .exactOptional(),
});

const toolChoiceSchema = z.strictObject({
  required: z.enum(['taken', 'refused', 'refused-thinking']),
  named: z.enum(['taken', 'refused-thinking', 'ignored']),
});

const scoreSchema = z.strictObject({
  benchmark: words,
  value: z.string().regex(/^\d+(\.\d+)?%?$/, 'a number as published, quoted, with or without "%"'),
  source: words,
  publishedAs: words.exactOptional(),
});

const ratingsSchema = z.strictObject({
  quality: z.int().min(0),
  speed: z.int().min(0),
  outOf: z.int().positive(),
  source: words,
});

const modelEntrySchema = z.strictObject({
  id: modelName.regex(/^[^A-Z]+$/, 'canonical ids are lower case'),
  slug: modelName.exactOptional(),
  name: words.exactOptional(),
  author: words.exactOptional(),
  description: words.exactOptional(),
  aliases: z.array(modelName).exactOptional(),
  releasedOn: isoDate.exactOptional(),
  contextTokens: tokenCount.exactOptional(),
  inputModalities: z.array(modality).min(1).exactOptional(),
  outputModalities: z.array(modality).min(1).exactOptional(),
  openWeights: z.boolean().exactOptional(),
  weights: modelName.exactOptional(),
  licence: words.exactOptional(),
  architecture: architectureSchema.exactOptional(),
  thinking: thinkingSchema.exactOptional(),
  sampling: samplingSchema.exactOptional(),
  toolChoice: toolChoiceSchema.exactOptional(),
  scores: z.array(scoreSchema).exactOptional(),
  ratings: ratingsSchema.exactOptional(),
  referenceOnly: z.boolean().exactOptional(),
  listPrice: priceEntrySchema.exactOptional(),
  successor: modelName.exactOptional(),
});

const offerEntrySchema = z.strictObject({
  upstream: upstreamId,
  model: modelName,
  upstreamModel: modelName.exactOptional(),
  /** An id of your own account there that takes single calls of batches: `ep-bi-…` at Ark. */
  batchModel: modelName.exactOptional(),
  contextTokens: tokenCount.exactOptional(),
  outputTokensMax: tokenCount.exactOptional(),
  outputTokensDefault: tokenCount.exactOptional(),
  /** Given in an override, they stand in place of all the shipped rows of that offer. */
  prices: z.array(priceEntrySchema).exactOptional(),
  retiresOn: isoDate.exactOptional(),
  limits: z
    .strictObject({
      rpm: z.int().positive().exactOptional(),
      tpm: z.int().positive().exactOptional(),
      concurrency: z.int().positive().exactOptional(),
    })
    .exactOptional(),
});

const upstreamRowSchema = z.strictObject({
  id: upstreamId,
  name: words,
  /** `self-hosted`: asked for its models, and its price is a declared zero. */
  kind: z.enum(['hosted', 'self-hosted']),
  /** Row of the dialect table in `upstreams/dialect.ts`. */
  dialect: words,
  /** In force when the environment and the configuration name none. Self-hosted ones have no default. */
  baseUrl: z.url().exactOptional(),
  baseUrlEnv: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  credentialEnv: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  /** The list in force is the first whose suffix the base URL's host ends with; a list without one is for all hosts. */
  priceLists: z.array(z.strictObject({ name: words, hostSuffix: words.exactOptional() })).min(1).exactOptional(),
});

/** What a configuration may say under `catalog:`. */
export const catalogOverridesSchema = z.strictObject({
  models: z.array(modelEntrySchema).exactOptional(),
  offers: z.array(offerEntrySchema).exactOptional(),
});

/** The whole of `catalog.yaml`. */
export const catalogFileSchema = z.strictObject({
  models: z.array(modelEntrySchema),
  upstreams: z.array(upstreamRowSchema),
  offers: z.array(offerEntrySchema),
});

export type CatalogFile = z.output<typeof catalogFileSchema>;
export type CatalogOverrides = z.output<typeof catalogOverridesSchema>;
export type ModelEntry = z.output<typeof modelEntrySchema>;
export type OfferEntry = z.output<typeof offerEntrySchema>;
export type UpstreamRow = z.output<typeof upstreamRowSchema>;
