import type { ServerInfo } from '../../../contract/server-info.ts';
import type { AdminHandlers } from './admin-handlers.ts';

/** What the server is. `serverInfo` is asked each time: upstreams come and go. */
export function infoHandlers(serverInfo: () => Promise<ServerInfo>): Pick<AdminHandlers, 'info'> {
  return { info: serverInfo };
}
