import { exactNumber } from '../../base/exact-number.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Currency, Nanos } from '../../base/money.ts';
import type { WalletView } from '../../ledger/wallets.ts';

const currencyDefault = 'USD';

/**
 * What Moonshot's clients are told is left where nothing is: they take a balance of zero or less for a refusal
 * (moonshot-api.md 1.3), and want a number. `unlimited: true` stands beside it.
 */
const unlimitedNanos: Nanos = 999_999_999n * 1_000_000_000n;

/**
 * The wallet that stands for the tenant where a vendor's form has room for one: that in `preferred`, else the first. A tenant that has
 * none yet owes nothing and is bound by nothing.
 */
export function shownWallet(wallets: readonly WalletView[], preferred: Currency | undefined): WalletView {
  return (
    wallets.find(({ currency }) => currency === preferred) ??
    wallets[0] ?? { currency: preferred ?? currencyDefault, balanceNanos: 0n, heldNanos: 0n, toppedUpNanos: 0n, trialNanos: 0n, spentNanos: 0n }
  );
}

/**
 * Moonshot's balance (moonshot-api.md 1.3). Free credit is spent first: the voucher is what is left of it, and cash the rest, which may be
 * negative. Available is what may still be spent: less what calls under way hold, and down to the credit limit.
 */
export function balanceOf(wallet: WalletView): JsonObject {
  const { currency, balanceNanos, heldNanos, floorNanos, trialNanos, spentNanos } = wallet;
  const voucherNanos = trialNanos > spentNanos ? trialNanos - spentNanos : 0n;
  return {
    available_balance: exactNumber(floorNanos === undefined ? unlimitedNanos : balanceNanos - heldNanos - floorNanos),
    voucher_balance: exactNumber(voucherNanos),
    cash_balance: exactNumber(balanceNanos - voucherNanos),
    held_balance: exactNumber(heldNanos),
    currency,
    ...limitOf(wallet),
  };
}

/** OpenRouter's credits (moonshot-api.md 6.3): all that was given and all that was spent, whatever may be owed. */
export function creditsOf(wallet: WalletView): JsonObject {
  const { currency, toppedUpNanos, trialNanos, spentNanos } = wallet;
  return { total_credits: exactNumber(toppedUpNanos + trialNanos), total_usage: exactNumber(spentNanos), currency, ...limitOf(wallet) };
}

function limitOf({ floorNanos }: WalletView): JsonObject {
  if (floorNanos === undefined) return { unlimited: true };
  return floorNanos === 0n ? {} : { credit_limit: exactNumber(-floorNanos) };
}
