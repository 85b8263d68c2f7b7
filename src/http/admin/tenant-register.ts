import type { KeyStore, Tenant } from '../../access/key-store.ts';
import type { LimitPolicy, SpendLimit } from '../../access/limit-policy.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { newId, type TenantId } from '../../base/id.ts';
import { type Currency, formatNanos, type Money } from '../../base/money.ts';
import type { Random } from '../../base/random.ts';
import type { Wallets } from '../../ledger/wallets.ts';
import type { Database } from '../../storage/database.ts';
import { StatementError } from '../../storage/statement-error.ts';

export interface TenantRegisterParts {
  readonly database: Pick<Database, 'commit'>;
  readonly store: Pick<KeyStore, 'tenant' | 'tenantByName' | 'tenants' | 'tenantInsertion'>;
  readonly wallets: Pick<Wallets, 'openingStatements'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Who is meant when nobody is named. */
  readonly firstTenantId: TenantId;
  readonly money: {
    /** What prepaid tenants pay in unless they are told otherwise; undefined: US dollars. */
    readonly currency?: Currency;
    /** What a new wallet in that currency is given once. */
    readonly trialCredit?: Money;
  };
}

export interface TenantWish {
  readonly name: string;
  readonly prepaid: boolean;
  readonly currency?: Currency;
  /** How much a postpaid one may owe. */
  readonly creditLimit?: Money;
  readonly limits?: LimitPolicy;
  readonly budgets?: readonly SpendLimit[];
}

export interface OpenedTenant {
  readonly tenant: Tenant;
  /** Why no trial credit was given, though one is configured. */
  readonly note?: string;
}

/** Of how many tenants the names are told to whoever named one that is not there. */
const namesToldMax = 20;

/** The tenants: made, each together with its wallet, and found by id or by name. */
export class TenantRegister {
  readonly #parts: TenantRegisterParts;

  constructor(parts: TenantRegisterParts) {
    this.#parts = parts;
  }

  /**
   * Adds a tenant. Its row, its wallet and its trial credit are one commit. Throws `conflict` when there is one of that name,
   * and `invalid_request` naming the field.
   */
  async open(wish: TenantWish): Promise<OpenedTenant> {
    const { database, store, wallets, clock, random, money } = this.#parts;
    const walletCurrency = walletCurrencyOf(wish, money.currency ?? 'USD');
    const tenant: Tenant = {
      id: newId('ten', clock, random),
      name: wish.name,
      createdMs: clock.nowMs(),
      billing: wish.prepaid ? 'prepaid' : 'postpaid',
      ...(walletCurrency === undefined ? {} : { walletCurrency }),
      ...(wish.limits === undefined ? {} : { limits: wish.limits }),
      ...(wish.budgets === undefined ? {} : { budgets: wish.budgets }),
    };
    const floorNanos = wish.prepaid ? 0n : wish.creditLimit === undefined ? undefined : -wish.creditLimit.amountNanos;
    const trial = money.trialCredit?.currency === walletCurrency ? money.trialCredit : undefined;
    const opening =
      walletCurrency === undefined
        ? []
        : wallets.openingStatements({
            tenantId: tenant.id,
            currency: walletCurrency,
            ...(floorNanos === undefined ? {} : { floorNanos }),
            ...(trial === undefined ? {} : { trialNanos: trial.amountNanos }),
          });
    try {
      await database.commit([store.tenantInsertion(tenant), ...opening]);
    } catch (error) {
      if (!(error instanceof StatementError) || error.constraint !== 'unique') throw error;
      throw new Fault('conflict', { message: `there is a tenant of the name "${wish.name}" already; nothing was changed`, field: 'name' });
    }
    const note = trial === undefined && money.trialCredit !== undefined ? withheld(money.trialCredit, walletCurrency) : undefined;
    return { tenant, ...(note === undefined ? {} : { note }) };
  }

  /** The tenant with that id or name; the first one, when none is named. Throws `not_found` naming those that there are. */
  async find(reference?: string): Promise<Tenant> {
    const { store, firstTenantId } = this.#parts;
    const tenant = (await store.tenant(reference ?? firstTenantId)) ?? (reference === undefined ? undefined : await store.tenantByName(reference));
    if (tenant !== undefined) return tenant;
    const names = (await store.tenants()).map(({ name }) => name);
    const more = names.length > namesToldMax ? ` and ${names.length - namesToldMax} more` : '';
    const message = `there is no tenant "${(reference ?? firstTenantId).slice(0, 80)}"; there are: ${names.slice(0, namesToldMax).join(', ')}${more}`;
    throw new Fault('not_found', { message, field: 'tenant' });
  }

  /** Oldest first. */
  all(): Promise<readonly Tenant[]> {
    return this.#parts.store.tenants();
  }
}

/** What the tenant will pay in; undefined: each price's own currency. */
function walletCurrencyOf({ prepaid, currency, creditLimit }: TenantWish, ownCurrency: Currency): Currency | undefined {
  if (prepaid && creditLimit !== undefined) {
    throw new Fault('invalid_request', { message: 'Invalid request: a prepaid tenant has no credit limit', field: 'creditLimit' });
  }
  if (creditLimit !== undefined && currency !== undefined && creditLimit.currency !== currency) {
    const message = `Invalid request: the credit limit is in ${creditLimit.currency}, the wallet in ${currency}`;
    throw new Fault('invalid_request', { message, field: 'creditLimit.currency' });
  }
  return creditLimit?.currency ?? currency ?? (prepaid ? ownCurrency : undefined);
}

function withheld(trial: Money, walletCurrency: Currency | undefined): string {
  const money = `${formatNanos(trial.amountNanos)} ${trial.currency}`;
  return walletCurrency === undefined
    ? `no trial credit (${money}): this tenant pays in the currency of each price, without a limit`
    : `no trial credit: it is ${money}, and the wallet is in ${walletCurrency}`;
}
