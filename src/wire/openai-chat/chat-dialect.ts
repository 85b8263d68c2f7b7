/**
 * How one vendor's OpenAI-compatible chat API differs from the next. A vendor is a row of these (see
 * `upstreams/dialect.ts`), never a folder.
 */
export interface ChatDialect {
  /** Field that carries the limit on generated tokens. */
  readonly outputLimitField: 'max_tokens' | 'max_completion_tokens';
  /** Fields that carry an assistant's earlier thinking in a request, the same in each. */
  readonly thinkingFields: readonly ('reasoning_content' | 'reasoning')[];
  /**
   * How thinking is switched: Moonshot's and Ark's `thinking` object, OpenRouter's `reasoning` object, the
   * `chat_template_kwargs` of open-weights engines, or only `reasoning_effort`.
   */
  readonly thinkingSwitch: 'thinking-object' | 'reasoning-object' | 'chat-template-kwargs' | 'effort-only';
  /** Takes `stream_options.include_usage`. */
  readonly streamOptions: boolean;
  /** Knows Moonshot's `builtin_function` tools (`$web_search`). */
  readonly builtinTools: boolean;
  /** Knows the role `developer`; elsewhere such a message is sent as `system`. */
  readonly developerRole: boolean;
  /**
   * How a last assistant message that the model is to continue is marked: by a field of its own, by the request's
   * `continue_final_message`, or by nothing, since it is continued anyway. Undefined: the dialect cannot.
   */
  readonly partial: 'partial-field' | 'continue-final-message' | 'last-assistant' | undefined;
  readonly promptCacheKey: boolean;
  /** Takes a JSON schema in `response_format`; elsewhere it becomes a plain JSON object and a declared loss. */
  readonly jsonSchema: boolean;
  /** Reads `file` parts. */
  readonly documents: boolean;
  /** Temperature is 0–1 (Moonshot) or 0–2 (OpenAI). */
  readonly temperatureMax: 1 | 2;
  /** Vendor-specific request fields that this dialect takes and others would choke on. */
  readonly family: 'moonshot' | 'ark' | 'openrouter' | 'open-weights' | 'openai';
  /**
   * Moonshot's own API answers, at Moonshot or behind a reseller: what it is known to refuse, by its rules for each model
   * and for JSON schemas, is not sent.
   */
  readonly moonshotRules: boolean;
  readonly stopMax: number;
  /** How long each stop string may be, in UTF-8. */
  readonly stopBytesMax?: number;
  /** Largest `n`. */
  readonly choicesMax: number;
}
