import type { Caller } from '../access/caller.ts';
import type { Offer } from '../catalog/offer.ts';
import type { DialogueRequest } from '../dialogue/request.ts';

/** What one call can use at most at one offer; what its worst case is priced by. */
export interface CallBounds {
  readonly promptTokensMax: number;
  /** Of each answer. */
  readonly outputTokensMax: number;
  readonly choiceCount: number;
  /** Searches that the vendor may run and charge by the call; absent: none were offered. */
  readonly webSearchesMax?: number;
  /** To be sent as the caller's limit, who named none: without it the call could use more than was held for it. */
  readonly limitToSend?: number;
}

/** Whether a payer can run out of money, so that what he may use must be bounded. */
export function canRunOut({ walletCurrency, keyBudgets, tenantBudgets }: Caller): boolean {
  return walletCurrency !== undefined || keyBudgets !== undefined || tenantBudgets !== undefined;
}

/** No model writes more in one answer, whatever limit somebody names: a hold must stay far below what 64 bits can add up. */
const answerTokensMax = 10_000_000;

/**
 * What a payer who can run out of money gets where neither he nor the offer names a limit: Moonshot's own default for its newer
 * models (moonshot-api.md 2.1). A whole window would be held for every "Hello!".
 */
const assumedOutputTokens = 32_768;

/**
 * What `request` can use at most at `offer`. `promptTokensMax` is an upper bound of its prompt. `binding`: the payer can run
 * out of money, so that the bound must hold, and is sent along even where the offer states no default.
 *
 * A model asks for one search a turn as a rule; more are the operator's loss.
 * The limit is the caller's, else the offer's default (the vendor applies it anyway), else all that the window leaves, or what
 * is assumed where the bound is binding.
 */
export function boundsOf(request: DialogueRequest, offer: Offer, promptTokensMax: number, binding: boolean): CallBounds {
  const { contextTokens, contextAssumed, outputTokensMax, outputTokensDefault } = offer;
  const prompt = contextAssumed === true ? promptTokensMax : Math.min(promptTokensMax, contextTokens);
  const asked = request.outputTokensMax ?? outputTokensDefault;
  // The bound of the prompt is several times what it has, so that a long one may seem to fill the window; what it leaves is not known then.
  const left = contextTokens - promptTokensMax;
  const window = left > 0 ? Math.min(outputTokensMax, left) : outputTokensMax;
  const choiceCount = request.sampling.choiceCount ?? 1;
  const silent = binding ? Math.min(window, assumedOutputTokens) : window;
  // Of a window that is assumed the largest output is a guess too, and the limit is sent on as it was asked for.
  const output = asked === undefined ? silent : Math.min(asked, contextAssumed === true ? answerTokensMax : outputTokensMax);
  return {
    promptTokensMax: prompt,
    outputTokensMax: output,
    choiceCount,
    ...(request.tools?.some((tool) => tool.kind === 'builtin') === true ? { webSearchesMax: choiceCount } : {}),
    ...(binding && asked === undefined && left > 0 ? { limitToSend: output } : {}),
  };
}
