import type { JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { ThinkingRule } from '../../dialogue/model-rules.ts';
import type { Thinking } from '../../dialogue/request.ts';
import { settleThinking, type SettledThinking } from '../settled-thinking.ts';
import type { ChatDialect } from './chat-dialect.ts';

/**
 * The fields that switch thinking in `dialect` and for a model with `rule` (moonshot-api.md 2.3). Without a rule, what the
 * caller said is sent. A model that always thinks is not told to; one that has other words for effort gets the next
 * stronger one. What cannot be said is added to `losses`.
 */
export function encodeThinking(
  thinking: Thinking | undefined,
  rule: ThinkingRule | undefined,
  dialect: ChatDialect,
  losses: Loss[],
): JsonObject {
  // OpenRouter turns an effort into whatever the model understands.
  const settled = settleThinking(thinking, rule, { anyEffort: dialect.thinkingSwitch === 'reasoning-object' }, losses);
  if (settled === undefined) return {};
  switch (dialect.thinkingSwitch) {
    case 'thinking-object':
      return thinkingObject(settled, dialect, losses);
    case 'reasoning-object':
      return reasoningObject(settled, losses);
    case 'chat-template-kwargs':
      return templateArguments(settled, losses);
    case 'effort-only':
      return effortOnly(settled, rule, losses);
  }
}

/** Moonshot and Ark: `thinking: {type, keep}`, and `reasoning_effort` beside it. Only Ark has `auto`. */
function thinkingObject(settled: SettledThinking, dialect: ChatDialect, losses: Loss[]): JsonObject {
  const { mode, keep, effort } = settled;
  loseTokensMax(settled, losses);
  let type: string | undefined;
  if (mode === 'auto' && dialect.family !== 'ark') loseAuto(losses);
  else if (mode !== undefined) type = mode === 'on' ? 'enabled' : mode === 'off' ? 'disabled' : 'auto';
  // `keep` needs a type beside it, and is said of thinking that is on.
  if (keep !== undefined) type ??= 'enabled';
  const object = { ...(type === undefined ? {} : { type }), ...(keep === undefined ? {} : { keep }) };
  return {
    ...(type === undefined ? {} : { thinking: object }),
    ...(effort === undefined ? {} : { reasoning_effort: effort }),
  };
}

/** OpenRouter: `reasoning: {enabled, effort, max_tokens}` (moonshot-api.md 6.1). */
function reasoningObject(settled: SettledThinking, losses: Loss[]): JsonObject {
  const { mode, effort, tokensMax } = settled;
  loseKeep(settled, losses);
  if (mode === 'auto') loseAuto(losses);
  const object = {
    ...(mode === 'on' || mode === 'off' ? { enabled: mode === 'on' } : {}),
    ...(effort === undefined ? {} : { effort }),
    ...(tokensMax === undefined ? {} : { max_tokens: tokensMax }),
  };
  return Object.keys(object).length === 0 ? {} : { reasoning: object };
}

/** vLLM, SGLang, llama-server: arguments of the chat template (moonshot-api.md 2.3). */
function templateArguments(settled: SettledThinking, losses: Loss[]): JsonObject {
  const { mode, keep, effort } = settled;
  loseTokensMax(settled, losses);
  if (mode === 'auto') loseAuto(losses);
  const object = {
    ...(mode === 'on' || mode === 'off' ? { thinking: mode === 'on' } : {}),
    ...(keep === 'all' ? { preserve_thinking: true } : {}),
    ...(effort === undefined ? {} : { thinking_effort: effort }),
  };
  return Object.keys(object).length === 0 ? {} : { chat_template_kwargs: object };
}

/** Only `reasoning_effort`, whose `none` turns thinking off. */
function effortOnly(settled: SettledThinking, rule: ThinkingRule | undefined, losses: Loss[]): JsonObject {
  const { mode, effort } = settled;
  loseTokensMax(settled, losses);
  loseKeep(settled, losses);
  if (mode === 'off') return { reasoning_effort: 'none' };
  if (mode === 'auto' || (mode === 'on' && effort === undefined && rule?.default !== 'on')) {
    losses.push({ field: 'thinking.type', reason: 'this upstream has no switch for thinking; its default applies' });
  }
  return effort === undefined ? {} : { reasoning_effort: effort };
}

function loseAuto(losses: Loss[]): void {
  losses.push({ field: 'thinking.type', reason: 'this upstream has no "auto"; its default applies' });
}

function loseTokensMax(settled: SettledThinking, losses: Loss[]): void {
  if (settled.tokensMax === undefined) return;
  losses.push({ field: 'reasoning.max_tokens', reason: 'this upstream has no limit on thinking alone' });
}

function loseKeep(settled: SettledThinking, losses: Loss[]): void {
  if (settled.keep === 'all') losses.push({ field: 'thinking.keep', reason: 'this upstream does not take it' });
}
