import type { Command } from 'commander';
import type { ServerInfo } from '../../client/answer.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { renderFields, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** `moongate info`: what the running server is and which upstreams it has. */
export function infoCommand(terminal: Terminal): Command {
  return remoteCommand('info', 'what the running server is and which upstreams it has').action(async (options: RemoteOptions) => {
    const client = await connect(options, terminal);
    show(await client.call('info', {}), options, terminal, infoText);
  });
}

const liveKeys: Readonly<Record<ServerInfo['liveKeysAnsweredBy'], string>> = {
  sandbox: 'answered by the sandbox, free of charge: no upstream is configured',
  upstreams: 'answered by the upstreams',
  none: 'refused with 503: no upstream is configured any more; set its credential again and restart',
};

const confinements: Readonly<Record<ServerInfo['documents']['confinement'], string>> = {
  bubblewrap: 'read by processes without files and network (bubblewrap)',
  unshare: 'read by processes without network (unshare); install bubblewrap to hide files as well',
  none: 'read by processes that are not cut off from the network; install bubblewrap and allow user namespaces',
};

function infoText(info: ServerInfo): string {
  const fields = renderFields([
    ['version', info.version],
    ['address', info.address],
    ['started', info.startedAt],
    ['token counts', info.tokenCounts === 'exact' ? 'exact' : 'estimated; "moongate tokenizer install" makes them exact'],
    ['live keys', liveKeys[info.liveKeysAnsweredBy]],
    ['documents', `${confinements[info.documents.confinement]}${info.documents.memory === 'watched' ? '; their memory is watched, not limited' : ''}`],
    ['text in pictures', info.documents.ocrLanguages.length === 0 ? 'not recognised; install tesseract' : `recognised: ${info.documents.ocrLanguages.join(', ')}`],
  ]);
  if (info.upstreams.length === 0) return fields;
  const columns = ['UPSTREAM', 'STATE', 'ADDRESS'].map((title) => ({ title }));
  return `${fields}\n${renderTable(columns, info.upstreams.map(({ id, state, baseUrl }) => [id, state, baseUrl ?? '(built in)']))}`;
}
