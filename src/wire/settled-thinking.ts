import type { Loss } from '../dialogue/extensions.ts';
import type { ThinkingRule } from '../dialogue/model-rules.ts';
import type { Thinking } from '../dialogue/request.ts';

/** All the words in use for how hard to think, from least to most (moonshot-api.md 2.3, 6.1). */
const effortOrder = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** Will a model with `rule` think about a request that says `thinking` of it? Without a rule, only when it is told to. */
export function thinks(thinking: Thinking | undefined, rule: ThinkingRule | undefined): boolean {
  if (rule?.kind === 'never') return false;
  if (rule?.kind === 'always') return true;
  const mode = thinking?.mode;
  return mode === 'on' || mode === 'off' ? mode === 'on' : rule?.default === 'on';
}

/** What is to be said, after the model has had its say. */
export interface SettledThinking {
  readonly mode: Thinking['mode'];
  readonly keep: 'all' | null | undefined;
  readonly effort: string | undefined;
  readonly tokensMax: number | undefined;
}

/**
 * What is to be said of thinking to a model with `rule` (moonshot-api.md 2.3), in whichever protocol; undefined: nothing. Without a
 * rule, what the caller said. A model that always thinks is not told to; one that has other words for effort gets the next stronger
 * one, and one that has none gets none, unless the upstream takes `anyEffort`. What cannot be said is added to `losses`.
 */
export function settleThinking(
  thinking: Thinking | undefined,
  rule: ThinkingRule | undefined,
  { anyEffort }: { readonly anyEffort: boolean },
  losses: Loss[],
): SettledThinking | undefined {
  if (thinking === undefined) return undefined;
  if (rule?.kind === 'never') {
    const asked = thinking.mode === 'on' || thinking.effort !== undefined;
    if (asked) losses.push({ field: 'thinking', reason: 'this model does not think' });
    return undefined;
  }
  return {
    mode: settleMode(thinking, rule, losses),
    keep: settleKeep(thinking, rule, losses),
    effort: settleEffort(thinking, rule, anyEffort, losses),
    tokensMax: thinking.tokensMax,
  };
}

function settleMode(thinking: Thinking, rule: ThinkingRule | undefined, losses: Loss[]): Thinking['mode'] {
  if (rule?.kind !== 'always') return thinking.mode;
  if (thinking.mode === 'off') losses.push({ field: 'thinking', reason: 'this model always thinks' });
  return undefined;
}

function settleKeep(thinking: Thinking, rule: ThinkingRule | undefined, losses: Loss[]): 'all' | null | undefined {
  if (rule === undefined || rule.keep || thinking.keep === undefined) return thinking.keep;
  if (thinking.keep === 'all') losses.push({ field: 'thinking.keep', reason: 'this model does not take it' });
  return undefined;
}

function settleEffort(thinking: Thinking, rule: ThinkingRule | undefined, anyEffort: boolean, losses: Loss[]): string | undefined {
  const { effort } = thinking;
  if (effort === undefined || rule === undefined) return effort;
  const { efforts } = rule;
  if (efforts === undefined || efforts.length === 0) {
    if (anyEffort) return effort;
    losses.push({ field: 'reasoning_effort', reason: 'this model cannot be told how hard to think' });
    return undefined;
  }
  if (efforts.includes(effort)) return effort;
  const asked = effortOrder.indexOf(effort);
  const known = effortOrder.filter((word) => efforts.includes(word));
  const nearest = asked === -1 ? undefined : (known.find((word) => effortOrder.indexOf(word) >= asked) ?? known.at(-1));
  const instead = nearest === undefined ? '' : `; "${nearest}" was sent`;
  losses.push({ field: 'reasoning_effort', reason: `this model does not know that effort${instead}` });
  return nearest;
}
