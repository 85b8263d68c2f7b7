import type { VendorBatchLimits } from './batch-vendor.ts';

const hourMs = 3_600_000;
/** Of the time that is left the vendor gets nine parts of ten, so that what it does not do can still be run here. */
const vendorShare = 0.9;

/**
 * The window to ask a vendor for, when a batch has `leftMs` left: undefined when the shortest that it offers is longer than that, give or take
 * half an hour, after which it is told to stop.
 */
export function windowHoursFor(leftMs: number, { windowHoursMin, windowHoursMax }: VendorBatchLimits): number | undefined {
  const hours = leftMs / hourMs;
  if (Math.round(hours) < windowHoursMin) return undefined;
  return Math.min(windowHoursMax, Math.max(windowHoursMin, Math.floor(hours * vendorShare)));
}
