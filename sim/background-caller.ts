const ended = /^(completed|incomplete|failed|cancelled)$/;

/** What the clients of background responses have seen over all kills. */
export interface BackgroundSeen {
  /** Ids of responses that a server has accepted. */
  readonly accepted: string[];
  /** Generations of those that somebody has seen completed. */
  readonly acknowledged: string[];
}

/** One client: has responses made in the background and polls each to its end, until its server is gone. */
export async function backgroundUntilGone(url: string, key: string, client: number, signal: AbortSignal, seen: BackgroundSeen): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  for (let turn = 0; !signal.aborted; turn += 1) {
    try {
      const body = JSON.stringify({ model: 'kimi-k2-thinking', background: true, max_output_tokens: 64, input: `client ${client}, turn ${turn}` });
      const response = await fetch(`${url}/v1/responses`, { method: 'POST', headers, body, signal });
      const { id } = (await response.json()) as { id?: string };
      if (!response.ok || id === undefined) continue;
      seen.accepted.push(id);
      const generationId = response.headers.get('x-generation-id');
      for (let status = ''; !ended.test(status) && !signal.aborted; ) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        status = await statusOf(url, key, id, signal);
        if (status === 'completed' && generationId !== null) seen.acknowledged.push(generationId);
      }
    } catch {
      return;
    }
  }
}

/** How many of the accepted responses have not ended within `limitMs`, or are not there. */
export async function countHung(url: string, key: string, accepted: readonly string[], limitMs: number): Promise<number> {
  const signal = AbortSignal.timeout(limitMs);
  let left = [...accepted];
  while (left.length > 0) {
    const still: string[] = [];
    for (const id of left) {
      if (signal.aborted) return left.length;
      const status = await statusOf(url, key, id, signal).catch(() => '');
      if (!ended.test(status)) still.push(id);
    }
    left = still;
  }
  return 0;
}

async function statusOf(url: string, key: string, id: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(`${url}/v1/responses/${id}`, { headers: { authorization: `Bearer ${key}` }, signal });
  return ((await response.json()) as { status?: string }).status ?? '';
}
