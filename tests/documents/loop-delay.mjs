/**
 * Loaded into a server by `--import`: writes down, four times a second, how long its event loop has been held up at most and how much
 * memory it has, into the file LOOP_DELAY_FILE. JavaScript, so that it can be loaded before anything is set up.
 */
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const resolutionMs = 5;
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  setInterval(() => {
    // The histogram counts its own pause as delay.
    const delayMsMax = Math.max(0, delays.max / 1e6 - resolutionMs);
    delays.reset();
    appendFileSync(process.env.LOOP_DELAY_FILE, `${JSON.stringify({ atMs: Date.now(), delayMsMax, residentBytes: process.memoryUsage.rss() })}\n`);
  }, 250).unref();
}
