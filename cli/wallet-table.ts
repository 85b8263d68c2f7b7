import type { Wallet } from '../client/answer.ts';
import { type Column, renderTable } from './table.ts';

/** Wallets as a table, a line for each currency. */
export function walletTable(wallets: readonly Wallet[]): string {
  const figures = ['BALANCE', 'HELD', 'AVAILABLE', 'FLOOR', 'TOPPED UP', 'TRIAL', 'SPENT'];
  const columns: Column[] = [{ title: 'WALLET' }, ...figures.map((title) => ({ title, align: 'right' as const }))];
  return renderTable(columns, wallets.map((wallet) => [
    wallet.currency, wallet.balance, wallet.held, wallet.available ?? 'no limit', wallet.floor ?? '-', wallet.toppedUp, wallet.trial, wallet.spent,
  ]));
}
