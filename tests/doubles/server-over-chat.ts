import { type RunningServer, startServer } from './running-server.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';

/** A server whose one upstream is `upstream`, as Moonshot, which it asks by way of Chat whatever protocol its own client speaks. */
export function serverOverChat(upstream: ScriptedUpstream): Promise<RunningServer> {
  return startServer({
    config: 'upstreams: [{ id: moonshot, kind: moonshot, protocols: [openai-chat] }]\n',
    environment: { MOONSHOT_API_KEY: 'sk-vendor', MOONSHOT_BASE_URL: upstream.baseUrl },
  });
}
