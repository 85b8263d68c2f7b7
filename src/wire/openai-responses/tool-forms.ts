import type { NativeToolName } from './native-tools.ts';

/** What a call of a function of the neutral language is in this protocol. */
export type ToolForm =
  | { readonly kind: 'function'; readonly name: string; readonly namespace?: string }
  /** Free-form: its call is a text and no JSON. */
  | { readonly kind: 'custom'; readonly name: string; readonly namespace?: string }
  | { readonly kind: 'native'; readonly name: NativeToolName };

/** By the name that the tool has in the neutral language. What is not here is a plain function. */
export type ToolForms = ReadonlyMap<string, ToolForm>;

/**
 * The name under which a model is told of a tool of a namespace. Depends on nothing but the two, so that a call of an
 * earlier turn finds its tool.
 */
export function flatName(namespace: string | undefined, name: string): string {
  if (namespace === undefined || namespace === '') return name;
  return namespace.endsWith('__') ? `${namespace}${name}` : `${namespace}__${name}`;
}
