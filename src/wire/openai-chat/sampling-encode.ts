import type { JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { SamplingRule } from '../../dialogue/model-rules.ts';
import type { Sampling } from '../../dialogue/request.ts';
import { fittingStops } from '../fitting-stops.ts';
import type { ChatDialect } from './chat-dialect.ts';

/** Below it Moonshot takes a temperature for zero; it says "close to 0" (moonshot-api.md 2.1) and gives no figure. */
const temperatureZero = 0.01;

/**
 * Sampling that the upstream will take. Moonshot and those who resell its API refuse values other than the model's own
 * (moonshot-api.md 2.1), so they are left out there; engines and vendors who run the weights themselves take any. `thinks`:
 * the model will think. What is changed or left out is added to `losses`.
 */
export function encodeSampling(
  sampling: Sampling,
  target: { readonly dialect: ChatDialect; readonly rule: SamplingRule | undefined; readonly thinks: boolean },
  losses: Loss[],
): JsonObject {
  const { dialect, rule, thinks } = target;
  const { temperature, topP, presencePenalty, frequencyPenalty, choiceCount, stop } = sampling;
  const insists = dialect.moonshotRules || dialect.family === 'openai';
  const fixed = insists ? rule?.fixed : undefined;
  const fields: Record<string, number | readonly string[]> = {};
  const send = (field: string, value: number | undefined, only: number | undefined): void => {
    if (value === undefined) return;
    if (only === undefined || value === only) fields[field] = value;
    else losses.push({ field, reason: `this model only takes ${only}` });
  };
  const temperatureOnly = thinks ? fixed?.temperatureThinking : fixed?.temperaturePlain;
  const clamped = temperature === undefined ? undefined : Math.min(temperature, dialect.temperatureMax);
  if (temperatureOnly === undefined && clamped !== temperature) {
    losses.push({ field: 'temperature', reason: `this upstream takes at most ${dialect.temperatureMax}; that was sent` });
  }
  send('temperature', temperatureOnly === undefined ? clamped : temperature, temperatureOnly);
  send('top_p', topP, fixed?.topP);
  send('presence_penalty', presencePenalty, fixed === undefined ? undefined : 0);
  send('frequency_penalty', frequencyPenalty, fixed === undefined ? undefined : 0);
  if (fixed !== undefined) send('n', choiceCount, 1);
  else send('n', choices(choiceCount, clamped ?? rule?.temperatureDefault, dialect, losses), undefined);
  const stops = fittingStops(stop ?? [], dialect, losses);
  if (stops.length > 0) fields['stop'] = stops;
  return fields;
}

/** How many answers to ask for: no more than the upstream gives, and at Moonshot one only when they could not differ. */
function choices(
  count: number | undefined,
  temperature: number | undefined,
  dialect: ChatDialect,
  losses: Loss[],
): number | undefined {
  if (count === undefined || count === 1) return count;
  if (dialect.moonshotRules && temperature !== undefined && temperature < temperatureZero) {
    losses.push({ field: 'n', reason: 'this upstream gives one answer only when the temperature is 0' });
    return undefined;
  }
  if (count <= dialect.choicesMax) return count;
  losses.push({ field: 'n', reason: `this upstream gives at most ${dialect.choicesMax}; that was sent` });
  return dialect.choicesMax;
}
