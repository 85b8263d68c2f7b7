/**
 * What has expired is found no more, but a turn that began before may be added so much later; it is removed when that cannot happen any
 * more, by any replica's clock.
 */
export const expiryGraceMs = 3_600_000;
