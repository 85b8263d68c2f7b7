import { Fault } from '../../base/fault.ts';
import type { Catalog } from '../../catalog/catalog.ts';

/** Canonical id of the model that a name means. Throws `invalid_request` naming `field` for a name that means none. */
export function canonicalModel(name: string, field: string, catalog: Pick<Catalog, 'resolve'>): string {
  const model = catalog.resolve(name)?.model;
  if (model !== undefined) return model.id;
  throw new Fault('invalid_request', { message: `Invalid request: the catalog knows no model "${name.slice(0, 80)}"`, field });
}
