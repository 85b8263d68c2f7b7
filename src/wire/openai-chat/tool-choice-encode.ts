import type { JsonValue } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { ToolChoiceRule } from '../../dialogue/model-rules.ts';
import type { ToolChoice } from '../../dialogue/tool.ts';
import { chatExtensions } from './chat-extensions.ts';

/** What decides whether a choice can be met. */
export interface ToolChoiceScene {
  /** Names of the tools that are sent. */
  readonly names: ReadonlySet<string>;
  /** How many tools are sent, those without a name too. */
  readonly count: number;
  /** The vendor's, where that vendor answers. */
  readonly rule: ToolChoiceRule | undefined;
  /** The model will think. */
  readonly thinks: boolean;
}

/**
 * `tool_choice`, or undefined when there is nothing to say, or (a loss) nothing that the upstream would understand. A choice
 * that demands a tool which is not sent would be refused, and so would one that breaks the vendor's rule: `auto` is said
 * instead then (moonshot-api.md 2.6). One that the vendor ignores is sent all the same, since that may change, but declared.
 */
export function encodeToolChoice(choice: ToolChoice | undefined, scene: ToolChoiceScene, losses: Loss[]): JsonValue | undefined {
  const { names, count, rule, thinks } = scene;
  const lose = (reason: string): void => {
    losses.push({ field: 'tool_choice', reason });
  };
  switch (choice?.type) {
    case undefined:
      return undefined;
    case 'auto':
    case 'none':
      return choice.type;
    case 'allowed':
      return choice.mode === 'auto' ? 'auto' : encodeRequired(scene, lose);
    case 'required':
      return encodeRequired(scene, lose);
    case 'named':
      if (!names.has(choice.name)) {
        lose('the tool that it names could not be sent');
        return undefined;
      }
      if (rule?.named === 'refused-thinking' && thinks) {
        lose('this model takes no named tool while it thinks; "auto" was sent');
        return 'auto';
      }
      if (rule?.named === 'ignored') {
        // With one tool only, to demand it and to demand any is the same, and `required` is followed.
        if (count === 1 && rule.required === 'taken') return 'required';
        lose('this model is known not to follow the name of a tool');
      }
      return { type: 'function', function: { name: choice.name } };
    case 'opaque':
      if (choice.protocol === chatExtensions.protocol) return choice.value;
      lose('only the protocol that it came by knows this choice');
      return undefined;
  }
}

function encodeRequired({ count, rule, thinks }: ToolChoiceScene, lose: (reason: string) => void): 'auto' | 'required' | undefined {
  if (count === 0) {
    lose('none of the tools could be sent');
    return undefined;
  }
  if (rule?.required === 'refused' || (rule?.required === 'refused-thinking' && thinks)) {
    lose(`this model takes no "required"${rule.required === 'refused' ? '' : ' while it thinks'}; "auto" was sent`);
    return 'auto';
  }
  return 'required';
}
