import { Fault } from '../../../base/fault.ts';

/** How many files one tenant may send at the same time to one server, and all together. */
const ofTenantMax = 32;
const ofAllMax = 256;

/** Uploads that are under way: what each of them holds is not counted against a tenant's quota before it has come, and so they have a bound. */
export class OpenUploads {
  readonly #byTenant = new Map<string, number>();
  #all = 0;

  /** Does `upload` as one of the tenant's. Throws `rate_limited` when there are too many. */
  async within<Result>(tenantId: string, upload: () => Promise<Result>): Promise<Result> {
    const ofTenant = this.#byTenant.get(tenantId) ?? 0;
    if (ofTenant >= ofTenantMax || this.#all >= ofAllMax) {
      throw new Fault('rate_limited', { message: `at most ${ofTenantMax} files may be uploaded at the same time, please try again later`, retryAfterMs: 1_000 });
    }
    this.#byTenant.set(tenantId, ofTenant + 1);
    this.#all += 1;
    try {
      return await upload();
    } finally {
      this.#all -= 1;
      const left = (this.#byTenant.get(tenantId) ?? 1) - 1;
      if (left === 0) this.#byTenant.delete(tenantId);
      else this.#byTenant.set(tenantId, left);
    }
  }
}
