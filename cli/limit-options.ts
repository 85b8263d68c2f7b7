import { type Command, InvalidArgumentError, Option } from 'commander';
import { usageFailure } from './failure.ts';
import { parseMoney, type TypedMoney } from './money.ts';

const rateNames = ['rpm', 'tpm', 'tpd', 'concurrency'] as const;
const periods = ['day', 'month', 'total'] as const;

type Rates = Partial<Record<(typeof rateNames)[number], number>>;
type Period = (typeof periods)[number];

/** The options by which a key or a tenant is given limits. */
export interface LimitOptions extends Rates {
  readonly limits?: string;
  readonly modelLimit?: readonly string[];
  readonly budget?: readonly string[];
  readonly per?: Period;
}

/** What they come to in a request. */
export interface LimitRequest {
  limitPreset?: string;
  limits?: Rates;
  modelLimits?: Record<string, Rates>;
  budgets?: (TypedMoney & { readonly period: Period; readonly model?: string })[];
}

/** Adds them to a command. */
export function withLimitOptions(command: Command): Command {
  return command
    .option('--rpm <count>', 'requests in any minute', parseCount)
    .option('--tpm <count>', 'tokens in any minute', parseCount)
    .option('--tpd <count>', 'tokens in any 24 hours', parseCount)
    .option('--concurrency <count>', 'requests at one time', parseCount)
    .option('--limits <preset>', 'limits by name: moonshot-tier-0 to -5, moonshot, ark; the figures above go before it')
    .option('--model-limit <model:limits>', 'of one model, such as kimi-k2:rpm=10,tpm=300000; may be repeated', collect)
    .option('--budget <money>', 'what may be spent, such as "5.00 USD", "5 USD/day" or, of one model, "kimi-k2:5 USD/day"; may be repeated', collect)
    .addOption(new Option('--per <period>', 'period of a budget that names none: day and month are those of UTC (total)').choices(periods));
}

/** The options as fields of a request. Throws a usage failure naming the option. */
export function limitRequest(options: LimitOptions): LimitRequest {
  const request: LimitRequest = {};
  if (options.limits !== undefined) request.limitPreset = options.limits;
  const rates = Object.fromEntries(rateNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
  if (Object.keys(rates).length > 0) request.limits = rates;
  if (options.modelLimit !== undefined) request.modelLimits = Object.fromEntries(options.modelLimit.map(parseModelLimit));
  if (options.budget !== undefined) request.budgets = options.budget.map((text) => parseBudget(text, options.per ?? 'total'));
  else if (options.per !== undefined) throw usageFailure('--per: there is no --budget that it could be about');
  return request;
}

function collect(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text];
}

function parseCount(text: string): number {
  const count = countOf(text);
  if (count === undefined) throw new InvalidArgumentError('Expected a whole number, 1 or more.');
  return count;
}

function countOf(text: string): number | undefined {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return count === 0 ? undefined : count;
}

/** The names of some models have a colon in them, so that the last one divides. */
function parseModelLimit(text: string): [model: string, rates: Rates] {
  const colon = text.lastIndexOf(':');
  const model = text.slice(0, Math.max(0, colon)).trim();
  const rates: Rates = {};
  for (const part of text.slice(colon + 1).split(',')) {
    const [given, figure = '', ...rest] = part.split('=').map((word) => word.trim());
    const name = rateNames.find((one) => one === given);
    const count = countOf(figure);
    if (model === '' || name === undefined || count === undefined || rest.length > 0 || rates[name] !== undefined) {
      throw usageFailure(`--model-limit: expected a model and its limits (${rateNames.join(', ')}; each 1 or more) such as kimi-k2:rpm=10,tpm=300000, not "${text}"`);
    }
    rates[name] = count;
  }
  return [model, rates];
}

function parseBudget(text: string, periodDefault: Period): NonNullable<LimitRequest['budgets']>[number] {
  const colon = text.lastIndexOf(':');
  const model = text.slice(0, Math.max(0, colon)).trim();
  const [money = '', named, ...rest] = text.slice(colon + 1).split('/');
  const period = named === undefined ? periodDefault : periods.find((one) => one === named.trim());
  if (period === undefined || rest.length > 0 || (colon >= 0 && model === '')) {
    throw usageFailure(`--budget: expected an amount, a currency and a period (${periods.join(', ')}) such as "5 USD/day", not "${text}"`);
  }
  return { ...parseMoney(money, '--budget'), period, ...(model === '' ? {} : { model }) };
}
