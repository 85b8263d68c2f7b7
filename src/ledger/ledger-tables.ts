import type { Migration } from '../storage/migration.ts';
import { storageMigrations, type StorageTables } from './storage-tables.ts';

/** What a transfer is about. */
export type TransferKind =
  | 'charge' | 'budget' | 'cost' | 'loss'
  | 'storage' | 'storage-cost' | 'storage-loss'
  | 'top-up' | 'withdrawal' | 'trial' | 'allowance';

/**
 * `pending`: money is held. `posted`: it has moved. `voided`: what was held is free again, since nothing was used.
 * `expired`: it is free again because nobody came back to say what was used; the outcome is unknown.
 */
export type TransferPhase = 'pending' | 'posted' | 'voided' | 'expired';

/**
 * The journal. Rows are only ever added: a pending transfer is resolved by a row of its own that names it. The one thing
 * that changes in a row is the mark `open`, from 1 to 0, once, when its resolution is added.
 */
export interface TransfersTable {
  id: string;
  kind: TransferKind;
  phase: TransferPhase;
  /** The pending transfer that this row resolves. Its own id is that one's with `/end`, so that none is resolved twice. */
  pending_id: string | null;
  debit_account: string;
  credit_account: string;
  /** Never negative. Of a resolution: what moved, which is at most what was held. */
  amount_nanos: bigint;
  currency: string;
  tenant_id: string | null;
  key_id: string | null;
  generation_id: string | null;
  /** Of a transfer for storage: the context cache that was kept. */
  cache_id: string | null;
  /** 1: pending and not resolved yet. */
  open: number;
  /** Of a pending row: the server that will resolve it, and until when at the latest. */
  owner: string | null;
  expires_ms: number | null;
  created_ms: number;
  /** Where a price was in another currency: what it came to there, and the rate that was used, with its day. */
  price_nanos: bigint | null;
  price_currency: string | null;
  rate: string | null;
  rate_from: string | null;
  /** Of a pending row: what is known of its call, as JSON, for the case that its server dies. Else a person's words. */
  memo: string | null;
}

/** Running balances of the accounts that have a floor. */
export interface BalancesTable {
  id: string;
  kind: 'wallet' | 'budget';
  /** Tenant of a wallet; key or tenant of a budget. */
  owner_id: string;
  currency: string;
  /** Credits minus debits that were posted. */
  posted_nanos: bigint;
  /** Debits that are held. */
  pending_nanos: bigint;
  /** `posted - pending` never falls below it. Null: no floor. */
  floor_nanos: bigint | null;
  opened_ms: number;
}

/** Servers that hold money, and until when each is taken to be alive. */
export interface NodesTable {
  id: string;
  lease_until_ms: number;
}

export interface LedgerTables extends StorageTables {
  ledger_transfers: TransfersTable;
  ledger_balances: BalancesTable;
  ledger_nodes: NodesTable;
}

export const ledgerMigrations: readonly Migration[] = [
  {
    name: 'ledger/0001-transfers-and-balances',
    statements: [
      `CREATE TABLE ledger_transfers (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        phase TEXT NOT NULL CHECK (phase IN ('pending', 'posted', 'voided', 'expired')),
        pending_id TEXT,
        debit_account TEXT NOT NULL,
        credit_account TEXT NOT NULL,
        amount_nanos BIGINT NOT NULL CHECK (amount_nanos >= 0),
        currency TEXT NOT NULL,
        tenant_id TEXT,
        key_id TEXT,
        generation_id TEXT,
        open INTEGER NOT NULL,
        owner TEXT,
        expires_ms BIGINT,
        created_ms BIGINT NOT NULL,
        price_nanos BIGINT,
        price_currency TEXT,
        rate TEXT,
        rate_from TEXT,
        memo TEXT,
        CHECK (debit_account <> credit_account),
        CHECK (open = 0 OR phase = 'pending'),
        CHECK (pending_id IS NULL OR id = pending_id || '/end')
      )`,
      'CREATE INDEX ledger_transfers_open ON ledger_transfers (expires_ms) WHERE open = 1',
      'CREATE INDEX ledger_transfers_by_tenant ON ledger_transfers (tenant_id, created_ms) WHERE generation_id IS NULL',
      `CREATE TABLE ledger_balances (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('wallet', 'budget')),
        owner_id TEXT NOT NULL,
        currency TEXT NOT NULL,
        posted_nanos BIGINT NOT NULL,
        pending_nanos BIGINT NOT NULL CHECK (pending_nanos >= 0),
        floor_nanos BIGINT,
        opened_ms BIGINT NOT NULL
      )`,
      'CREATE INDEX ledger_balances_by_owner ON ledger_balances (owner_id)',
      'CREATE TABLE ledger_nodes (id TEXT NOT NULL PRIMARY KEY, lease_until_ms BIGINT NOT NULL)',
    ],
  },
  ...storageMigrations,
];
