import type { ConversationId, GenerationId, ResponseId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';

/** What of a response can be known without opening what it says. Times in milliseconds since the epoch. */
export interface ResponseFacts {
  readonly id: ResponseId;
  readonly keyId: string;
  readonly modelId: string;
  readonly generationId: GenerationId;
  readonly createdMs: number;
  /** From then on it is not there any more. */
  readonly expiresMs: number;
  /** Its caller has said so: no turn that goes on from it lets it live longer. */
  readonly expiryFixed?: true;
  /** Absent: it is under way. */
  readonly endedMs?: number;
  /** In the words of the surface. */
  readonly status: string;
  readonly background: boolean;
  readonly previousId?: ResponseId;
  readonly conversationId?: ConversationId;
  /** Which upstream made it, the last one if several tried. */
  readonly upstreamId?: string;
  readonly held?: HeldItems;
}

/** The beginning of a chain that the upstream of a response holds. */
export interface HeldItems {
  /** The upstream's own name for it. */
  readonly handle: string;
  /** How many items of the chain it holds, from the first on, input and output of this response among them. */
  readonly itemCount: number;
}

/** A response with all that is kept of it. What its objects mean only the surface knows. */
export interface StoredResponse extends ResponseFacts {
  /** The response object as it was sent. */
  readonly body: JsonObject;
  /** What this turn added, not what it went on from. */
  readonly input: readonly JsonObject[];
  readonly output: readonly JsonObject[];
}

/** A response as part of a chain. */
export type ChainedResponse = Omit<StoredResponse, 'body'>;

/**
 * A response and what it went on from, the oldest first. Not found: `missing`: the response `id` of the chain is not there (never was,
 * expired, deleted, another tenant's); `cycle`: it goes on from itself, at `id`; `too-long`: there is more of it than may be read.
 */
export type ResponseChain =
  | { readonly found: true; readonly responses: readonly ChainedResponse[] }
  | { readonly found: false; readonly why: 'missing' | 'cycle' | 'too-long'; readonly id: string };

/** How much of a chain may be read. */
export interface ChainLimits {
  /** Responses. */
  readonly depthMax: number;
  /** Characters of their sealed items, which are about four thirds of the JSON. */
  readonly charsMax: number;
}

/** What becomes of a response that is under way; what is left out stays. */
export interface ResponseChange {
  readonly status?: string;
  readonly body?: JsonObject;
  readonly output?: readonly JsonObject[];
  /** It has ended with this: nothing can change it any more. */
  readonly endedMs?: number;
  readonly upstreamId?: string;
  /** Only together with `upstreamId`. */
  readonly held?: HeldItems;
}
