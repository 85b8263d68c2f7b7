import { z } from 'zod';
import { limitPresets, presetPolicy } from '../access/limits/limit-presets.ts';

const nothing = 'expected a whole number of at least 1; leave the limit out to have none, and to let nobody in revoke the key';
const limit = z.int(nothing).min(1, nothing);

const rateLimits = z.strictObject({
  rpm: limit.exactOptional().describe('Requests in any 60 seconds.'),
  tpm: limit.exactOptional().describe('Tokens in any 60 seconds: prompt and output limit when a request comes, real usage once it is known.'),
  tpd: limit.exactOptional().describe('Tokens in any 24 hours, counted likewise.'),
  concurrency: limit.exactOptional().describe('Requests at one time.'),
});

const presetNames = Object.keys(limitPresets);
const policy = z.strictObject(
  {
    all: rateLimits.exactOptional().describe('Over all models together.'),
    models: z.record(z.string().min(1), rateLimits).exactOptional().describe('For single models, beside that.'),
  },
  `expected limits under all: or models:, or one of the presets ${presetNames.join(', ')}`,
);

const { $schema: _dialect, ...policyJsonSchema } = z.toJSONSchema(policy, { target: 'draft-7', io: 'input' });

/** A policy written out, or the name of a preset. No union: of that, only "invalid input" could be told. */
const policyOrPreset = z
  .unknown()
  .meta({ anyOf: [{ type: 'string', enum: presetNames }, policyJsonSchema] })
  .transform((value) => (typeof value === 'string' ? (presetPolicy(value) ?? value) : value))
  .pipe(policy);

/** `limits:` of moongate.yaml. */
export const limitsSchema = z
  .strictObject({
    models: z.record(z.string().min(1), rateLimits).optional().describe('Of a model, over all tenants together.'),
    tenantDefault: policyOrPreset.optional().describe('For each tenant that has no limits of its own.'),
    queue: z
      .strictObject({
        waitMs: z.int().min(1).max(600_000).describe('Longest wait; then comes the refusal.'),
        length: z.int().min(1).max(10_000).describe('Most requests of one key that may wait.'),
      })
      .optional()
      .describe('Has requests wait for their turn, key by key, instead of refusing them at once. Default: no.'),
    whenCountersAreGone: z
      .enum(['share', 'refuse'])
      .optional()
      .describe('With MOONGATE_VALKEY_URL: when it is not reachable, each replica keeps to its share of the limits, or limited calls are refused (503). Default share.'),
  })
  .describe('How much may be asked of the server. Limits of single keys and tenants are set by the command line.');
