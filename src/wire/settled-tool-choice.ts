import type { Loss } from '../dialogue/extensions.ts';
import type { ToolChoiceRule } from '../dialogue/model-rules.ts';
import type { ToolChoice } from '../dialogue/tool.ts';

/** What decides whether a choice can be met. */
export interface ToolChoiceScene {
  /** Names of the tools that are sent. */
  readonly names: ReadonlySet<unknown>;
  /** How many tools are sent, those without a name too. */
  readonly count: number;
  /** The vendor's, where that vendor answers. */
  readonly rule: ToolChoiceRule | undefined;
  /** The model will think. */
  readonly thinks: boolean;
}

/**
 * A choice that will not be refused; undefined when there is nothing to say, or (a loss) nothing that the upstream would understand. One that
 * demands a tool which is not sent would be refused, and so would one that breaks the vendor's rule: `auto` is said instead then
 * (moonshot-api.md 2.6). One that the vendor ignores is said all the same, since that may change, but declared.
 */
export function settledToolChoice(choice: ToolChoice | undefined, scene: ToolChoiceScene, losses: Loss[]): ToolChoice | undefined {
  const { names, count, rule, thinks } = scene;
  const lose = (reason: string): void => {
    losses.push({ field: 'tool_choice', reason });
  };
  switch (choice?.type) {
    case 'required':
      return settledDemand(scene, lose);
    case 'allowed': {
      if (choice.mode === 'auto') return choice;
      const demand = settledDemand(scene, lose);
      return demand === undefined ? undefined : { ...choice, mode: demand.type };
    }
    case 'named':
      if (!names.has(choice.name)) {
        lose('the tool that it names could not be sent');
        return undefined;
      }
      if (rule?.named === 'refused-thinking' && thinks) {
        lose('this model takes no named tool while it thinks; "auto" was sent');
        return { type: 'auto' };
      }
      if (rule?.named === 'ignored') {
        // With one tool only, to demand it and to demand any is the same, and `required` is followed.
        if (count === 1 && rule.required === 'taken') return { type: 'required' };
        lose('this model is known not to follow the name of a tool');
      }
      return choice;
    default:
      return choice;
  }
}

function settledDemand({ count, rule, thinks }: ToolChoiceScene, lose: (reason: string) => void): { readonly type: 'auto' | 'required' } | undefined {
  if (count === 0) {
    lose('none of the tools could be sent');
    return undefined;
  }
  if (rule?.required === 'refused' || (rule?.required === 'refused-thinking' && thinks)) {
    lose(`this model takes no "required"${rule.required === 'refused' ? '' : ' while it thinks'}; "auto" was sent`);
    return { type: 'auto' };
  }
  return { type: 'required' };
}
