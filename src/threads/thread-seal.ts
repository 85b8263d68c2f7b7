import type { JsonObject } from '../base/json.ts';
import type { Sealer } from '../base/sealer.ts';
import type { TenantScope } from '../base/tenant-scope.ts';

/** What kind of text it is: a text cannot be passed off as one of another kind, row, tenant or mode. */
export type SealedKind =
  | 'response-body' | 'response-input' | 'response-output' | 'response-events' | 'conversation-metadata' | 'conversation-item' | 'cache-labels' | 'cache-content';

/** JSON that is at rest in the database, and that only its own tenant's row can give back. */
export class ThreadSeal {
  readonly #sealer: Pick<Sealer, 'seal' | 'open'>;

  constructor(sealer: Pick<Sealer, 'seal' | 'open'>) {
    this.#sealer = sealer;
  }

  /** `value` sealed for the row `id`. */
  seal(value: JsonObject | readonly JsonObject[], kind: SealedKind, scope: TenantScope, id: string): string {
    return this.#sealer.seal(JSON.stringify(value), contextOf(kind, scope, id));
  }

  /** The object that was sealed. Throws as `Sealer.open` does. */
  object(sealed: string, kind: SealedKind, scope: TenantScope, id: string): JsonObject {
    return JSON.parse(this.#sealer.open(sealed, contextOf(kind, scope, id))) as JsonObject;
  }

  /** The list of objects that was sealed. Throws as `Sealer.open` does. */
  list(sealed: string, kind: SealedKind, scope: TenantScope, id: string): readonly JsonObject[] {
    return JSON.parse(this.#sealer.open(sealed, contextOf(kind, scope, id))) as readonly JsonObject[];
  }
}

/** None of kind, tenant and mode holds a blank; the id comes last, since a part of it may be the caller's. */
function contextOf(kind: SealedKind, { tenantId, mode }: TenantScope, id: string): string {
  return `${kind} ${tenantId} ${mode} ${id}`;
}
