import type { RunningServer } from './running-server.ts';

/** A live key of a new tenant that pays in advance and has paid nothing: every call that may cost something is refused. */
export async function pennilessKey(server: RunningServer): Promise<string> {
  await admin(server, 'tenants', { name: 'penniless', prepaid: true });
  return String((await admin(server, 'keys', { tenant: 'penniless', mode: 'live' }))['secret']);
}

async function admin(server: RunningServer, path: string, body: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}/admin/v1/${path}`, {
    method: 'POST', headers: { authorization: `Bearer ${server.adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}
