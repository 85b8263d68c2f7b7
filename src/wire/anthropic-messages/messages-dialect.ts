/**
 * How one place that speaks Anthropic's Messages differs from the next (moonshot-api.md 1.8; responses-ark-anthropic-batch.md 3).
 * A vendor is a row of these (see `upstreams/`), never a folder.
 */
export interface MessagesDialect {
  /** What `thinking.type` may be, in the place's own order of preference. None: there is no such field. */
  readonly thinkingTypes: readonly ThinkingType[];
  /** Takes `thinking.budget_tokens` beside `enabled`. */
  readonly thinkingBudget: boolean;
  /** Words that `output_config.effort` takes. None: there is no such field. */
  readonly efforts: readonly string[];
  /** Takes `context_management`, by which the thinking of earlier turns is kept (`clear_thinking_20251015`, `keep: "all"`). */
  readonly contextManagement: boolean;
  /** Refuses a turn with tool calls and no thinking block while the model thinks (responses-ark-anthropic-batch.md 3.8). */
  readonly thinkingBesideCalls: boolean;
  /** Takes a JSON schema in `output_config.format`. */
  readonly jsonSchema: boolean;
  /** Takes `tool_choice: {type: "tool", name}`. */
  readonly namedToolChoice: boolean;
  /** Takes `tool_choice.disable_parallel_tool_use`. */
  readonly parallelSwitch: boolean;
  /** Largest `temperature`; undefined: neither `temperature` nor `top_p` nor `top_k` may be sent. */
  readonly temperatureMax: number | undefined;
  /** How many `stop_sequences` it takes. */
  readonly stopMax: number;
  /** How long each of them may be, in UTF-8. */
  readonly stopBytesMax?: number;
  /** Takes messages of the role `system` behind the first. Elsewhere they are sent as the user's. */
  readonly systemMessages: boolean;
  /** Goes on from a last message of the assistant. */
  readonly prefill: boolean;
  /** Takes `document` blocks. */
  readonly documents: boolean;
  /** Schemes of image URLs that it fetches, each with its colon (`https:`, `ms:`). Images sent whole are taken everywhere. */
  readonly imageUrlSchemes: readonly string[];
  /** Takes `metadata.user_id`. */
  readonly metadata: boolean;
  /** Fields of a request that are known to be refused, of those that we pass on unread. */
  readonly fieldsRefused: readonly string[];
  /** Fields of a tool that are known to be refused, of those that we pass on unread. */
  readonly toolFieldsRefused: readonly string[];
  /** Types of content blocks that are known to be refused, of those that we pass on unread (`tool_reference`). */
  readonly blocksRefused: readonly string[];
  /** Moonshot's own API answers: what it is known to refuse, by its rules for each model, is not sent. */
  readonly moonshotRules: boolean;
}

export type ThinkingType = 'enabled' | 'adaptive' | 'between_tools' | 'disabled';
