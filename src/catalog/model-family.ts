/** Moonshot's group of models that read one context, whatever their size (platform.moonshot.ai, docs/api/caching: `model`). */
export const moonshotV1Family = 'moonshot-v1';

/** The name of all models that may read a context held for `modelId`, a canonical id: any other model is a family of its own. */
export function modelFamily(modelId: string): string {
  return modelId.startsWith(`${moonshotV1Family}-`) ? moonshotV1Family : modelId;
}
