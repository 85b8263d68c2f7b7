/**
 * How one vendor's Responses API differs from the next. A vendor is a row of these (see `upstreams/dialect.ts`), never a
 * folder.
 */
export interface ResponsesDialect {
  /** How thinking is switched: Ark's `thinking` object with `reasoning.effort` beside it, or only `reasoning.effort`. */
  readonly thinkingSwitch: 'thinking-object' | 'effort-only';
  /** Holds a conversation when told to: `caching`, `expire_at`, and `previous_response_id` to go on from it. */
  readonly contextCache: boolean;
  /** Gives its reasoning back encrypted when asked, so that it can be sent again without being stored. */
  readonly encryptedReasoning: boolean;
  /** A function tool may be `strict`. */
  readonly strictTools: boolean;
  /** Knows the protocol's other tools and the choices that go with them: `custom`, `web_search`, `allowed_tools` …. */
  readonly otherTools: boolean;
  /** Knows the role `developer`; elsewhere such a message is sent as `system`. */
  readonly developerRole: boolean;
  /** Reads documents itself; elsewhere their text is sent, where somebody has read it. */
  readonly documents: boolean;
  readonly temperatureMax: 1 | 2;
  /** Insists on the sampling that the model's own vendor insists on. */
  readonly fixedSampling: boolean;
  /** Moonshot's own API answers: what it is known to refuse, by its rules for each model and for JSON schemas, is not sent. */
  readonly moonshotRules: boolean;
  /** Fields of the protocol that it has not, and would refuse. */
  readonly missingFields: ReadonlySet<string>;
}
