import type { JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { SamplingRule } from '../../dialogue/model-rules.ts';
import type { Sampling } from '../../dialogue/request.ts';
import { fittingStops } from '../fitting-stops.ts';
import type { MessagesDialect } from './messages-dialect.ts';

/**
 * Sampling that the upstream will take. Moonshot refuses values other than the model's own (moonshot-api.md 2.1), so they are left out
 * there. `thinks`: the model will think. What is changed or left out is added to `losses`.
 */
export function encodeSampling(
  sampling: Sampling,
  target: { readonly dialect: MessagesDialect; readonly rule: SamplingRule | undefined; readonly thinks: boolean },
  losses: Loss[],
): JsonObject {
  const { dialect, rule, thinks } = target;
  const { temperatureMax } = dialect;
  const { temperature, topP, presencePenalty, frequencyPenalty, choiceCount = 1, stop } = sampling;
  const fixed = dialect.moonshotRules ? rule?.fixed : undefined;
  const fields: Record<string, number | readonly string[]> = {};
  const lose = (field: string, reason: string): void => {
    losses.push({ field, reason });
  };
  const send = (field: string, value: number | undefined, only: number | undefined): void => {
    if (value === undefined) return;
    if (temperatureMax === undefined) lose(field, 'this upstream does not take it');
    else if (only !== undefined && value !== only) lose(field, `this model only takes ${only}`);
    else fields[field] = value;
  };
  const temperatureOnly = thinks ? fixed?.temperatureThinking : fixed?.temperaturePlain;
  const clamped = temperature === undefined || temperatureMax === undefined ? temperature : Math.min(temperature, temperatureMax);
  if (temperatureOnly === undefined && clamped !== temperature) lose('temperature', `this upstream takes at most ${temperatureMax ?? 1}; that was sent`);
  send('temperature', temperatureOnly === undefined ? clamped : temperature, temperatureOnly);
  send('top_p', topP, fixed?.topP);
  if ((presencePenalty ?? 0) !== 0) lose('presence_penalty', 'this protocol does not know it');
  if ((frequencyPenalty ?? 0) !== 0) lose('frequency_penalty', 'this protocol does not know it');
  if (choiceCount > 1) lose('n', 'this protocol gives one answer');
  const stops = fittingStops(stop ?? [], dialect, losses);
  if (stops.length > 0) fields['stop_sequences'] = stops;
  return fields;
}
