import type { JsonValue } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { ToolChoice } from '../../dialogue/tool.ts';
import { settledToolChoice, type ToolChoiceScene } from '../settled-tool-choice.ts';
import { chatExtensions } from './chat-extensions.ts';

/** `tool_choice`, or undefined when there is nothing to say. What cannot be met is settled, and declared, by `settledToolChoice`. */
export function encodeToolChoice(choice: ToolChoice | undefined, scene: ToolChoiceScene, losses: Loss[]): JsonValue | undefined {
  const settled = settledToolChoice(choice, scene, losses);
  switch (settled?.type) {
    case undefined:
      return undefined;
    case 'auto':
    case 'none':
    case 'required':
      return settled.type;
    case 'allowed':
      // The others are not sent.
      return settled.mode;
    case 'named':
      return { type: 'function', function: { name: settled.name } };
    case 'opaque':
      if (settled.protocol === chatExtensions.protocol) return settled.value;
      losses.push({ field: 'tool_choice', reason: 'only the protocol that it came by knows this choice' });
      return undefined;
  }
}
