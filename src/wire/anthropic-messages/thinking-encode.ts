import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { ThinkingRule } from '../../dialogue/model-rules.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { type SettledThinking, settleThinking } from '../settled-thinking.ts';
import { clearThinking } from './clear-thinking.ts';
import type { MessagesDialect, ThinkingType } from './messages-dialect.ts';
import { messagesExtensions } from './messages-extensions.ts';

/**
 * The fields that say how to think: `thinking`, `output_config.effort` and `context_management`. What cannot be said is added to
 * `losses`.
 */
export function encodeThinking(
  request: DialogueRequest,
  rule: ThinkingRule | undefined,
  dialect: MessagesDialect,
  losses: Loss[],
): { thinking?: JsonObject; effort?: string; context_management?: JsonObject } {
  const settled = settleThinking(request.thinking, rule, { anyEffort: false }, losses);
  const type = typeOf(request, settled, dialect, losses);
  const effort = encodeEffort(settled?.effort, dialect, losses);
  const management = encodeManagement(request, settled?.keep === 'all', dialect, losses);
  const budget = encodeBudget(type, settled?.tokensMax, dialect, losses);
  return {
    ...(type === undefined ? {} : { thinking: { type, ...budget } }),
    ...(effort === undefined ? {} : { effort }),
    ...(management === undefined ? {} : { context_management: management }),
  };
}

/** The word for the mode; `between_tools` if the caller said that. */
function typeOf(request: DialogueRequest, settled: SettledThinking | undefined, dialect: MessagesDialect, losses: Loss[]): ThinkingType | undefined {
  const { thinkingTypes } = dialect;
  const lose = (reason: string): undefined => {
    losses.push({ field: 'thinking.type', reason });
    return undefined;
  };
  switch (settled?.mode) {
    case undefined:
      return undefined;
    case 'off':
      return thinkingTypes.includes('disabled') ? 'disabled' : lose('this upstream cannot be told not to think');
    case 'on':
      return thinkingTypes.find((type) => type === 'enabled' || type === 'adaptive') ?? lose('this upstream has no switch for thinking; its default applies');
    case 'auto': {
      const own = request.extensions?.[messagesExtensions.protocol]?.['thinking'];
      const between = isJsonObject(own) && own['type'] === 'between_tools';
      if (between && thinkingTypes.includes('between_tools')) return 'between_tools';
      if (thinkingTypes.includes('adaptive')) return 'adaptive';
      return lose(`this upstream has no "${between ? 'between_tools' : 'auto'}"; its default applies`);
    }
  }
}

function encodeBudget(
  type: ThinkingType | undefined,
  tokensMax: number | undefined,
  { thinkingBudget }: MessagesDialect,
  losses: Loss[],
): JsonObject {
  const takes = type === 'enabled' && thinkingBudget;
  if (!takes && tokensMax !== undefined) losses.push({ field: 'thinking.budget_tokens', reason: 'this upstream has no limit on thinking alone' });
  return takes && tokensMax !== undefined ? { budget_tokens: tokensMax } : {};
}

function encodeEffort(effort: string | undefined, { efforts }: MessagesDialect, losses: Loss[]): string | undefined {
  if (effort === undefined || efforts.includes(effort)) return effort;
  losses.push({ field: 'output_config.effort', reason: efforts.length === 0 ? 'this upstream does not take it' : `this upstream takes ${efforts.join(', ')}` });
  return undefined;
}

/** `context_management` with the edit that keeps thinking, and with the caller's others if they came by this protocol. */
function encodeManagement(request: DialogueRequest, keepsAll: boolean, dialect: MessagesDialect, losses: Loss[]): JsonObject | undefined {
  const own = request.extensions?.[messagesExtensions.protocol]?.['context_management'];
  const { edits, ...rest }: JsonObject = isJsonObject(own) ? own : {};
  if (!dialect.contextManagement) {
    if (isJsonObject(own)) losses.push({ field: 'context_management', reason: 'this upstream does not take it' });
    if (keepsAll) losses.push({ field: 'thinking.keep', reason: 'this upstream does not take it' });
    return undefined;
  }
  const others: readonly JsonValue[] = Array.isArray(edits) ? edits : [];
  if (!keepsAll) return isJsonObject(own) ? own : undefined;
  return { ...rest, edits: [{ type: clearThinking, keep: 'all' }, ...others] };
}
