import type { JsonObject } from '../base/json.ts';
import type { Extensions } from './extensions.ts';

/** What the model may call. `builtin` is run by the vendor; `opaque` only its own protocol understands. */
export type Tool =
  | FunctionTool
  | { readonly kind: 'builtin'; readonly name: string; readonly extensions?: Extensions }
  | { readonly kind: 'opaque'; readonly protocol: string; readonly value: JsonObject };

export interface FunctionTool {
  readonly kind: 'function';
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments; absent means that the tool takes none. */
  readonly parameters?: JsonObject;
  readonly strict?: boolean;
  readonly extensions?: Extensions;
}

export type ToolChoice =
  | { readonly type: 'auto' | 'none' | 'required' }
  | { readonly type: 'named'; readonly name: string }
  /** Only these of the tools, by name. */
  | { readonly type: 'allowed'; readonly mode: 'auto' | 'required'; readonly names: readonly string[] }
  | { readonly type: 'opaque'; readonly protocol: string; readonly value: JsonObject };

export interface ToolCall {
  readonly id: string;
  readonly kind: 'function' | 'builtin';
  readonly name: string;
  /** The arguments as the model wrote them. Text, never re-serialised: it may hold integers beyond 2^53. */
  readonly argumentsText: string;
  readonly extensions?: Extensions;
}
