/**
 * What has expired is found no more, and is removed so much later: a turn that began before may end after it, and the clocks of
 * replicas differ.
 */
export const expiryGraceMs = 3_600_000;
