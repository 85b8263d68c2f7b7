import { type Command, Option } from 'commander';
import type { Generation } from '../../client/answer.ts';
import { parsePageLimit } from '../page-limit.ts';
import { connect, type RemoteOptions, remoteCommand, show } from '../remote-command.ts';
import { type Column, renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface GenerationsOptions extends RemoteOptions {
  readonly limit: number;
  readonly before?: string;
  readonly tenant?: string;
  readonly key?: string;
  readonly model?: string;
  readonly state?: Generation['state'];
}

// The contract's own list is not read here: it would load zod for --help.
const states = ['complete', 'partial', 'failed', 'unknown'] as const satisfies readonly Generation['state'][];

/** `moongate generations`: the newest calls, one line each. */
export function generationsCommand(terminal: Terminal): Command {
  return remoteCommand('generations', 'the newest calls, one line each')
    .option('--limit <count>', 'how many, up to 1000', parsePageLimit, 20)
    .option('--before <id>', 'only those before this one')
    .option('--tenant <id or name>', 'only those of this tenant')
    .option('--key <id>', 'only those of this key, as "keys list" shows its id')
    .option('--model <name>', 'only those of this model')
    .addOption(new Option('--state <state>', 'only those that ended so').choices(states))
    .action(async (options: GenerationsOptions) => {
      const client = await connect(options, terminal);
      const { limit, before, tenant, key, model, state } = options;
      const answer = await client.call('generations', { limit, before, tenant, key, model, state });
      show(answer, options, terminal, ({ generations, next }) =>
        generations.length === 0 ? 'no such calls\n' : `${generationTable(generations)}${next === null ? '' : `\nolder ones: --before ${next}\n`}`,
      );
    });
}

function generationTable(generations: readonly Generation[]): string {
  const columns: Column[] = [
    { title: 'STARTED' }, { title: 'ID' }, { title: 'MODEL' }, { title: 'UPSTREAM' }, { title: 'STATE' },
    { title: 'PROMPT', align: 'right' }, { title: 'OUTPUT', align: 'right' }, { title: 'MS', align: 'right' },
    { title: 'CHARGED' }, { title: 'COST' }, { title: 'FLAGS' },
  ];
  return renderTable(columns, generations.map((generation) => [
    generation.startedAt.replace('T', ' ').slice(0, 19),
    generation.id,
    generation.model,
    generation.upstream ?? '-',
    stateText(generation),
    ...tokenTexts(generation.tokens),
    Math.round(generation.durationMs).toLocaleString('en-US'),
    chargeText(generation),
    costText(generation),
    generation.flags.join(' ') || '-',
  ]));
}

function stateText({ state, errorCode, cancelled }: Generation): string {
  if (cancelled) return `${state} (cancelled)`;
  return errorCode === null ? state : `${state} (${errorCode})`;
}

function tokenTexts(tokens: Generation['tokens']): [prompt: string, output: string] {
  if (tokens === null) return ['-', '-'];
  const about = tokens.estimated ? '~' : '';
  const prompt = tokens.inputUncached + tokens.cacheRead + tokens.cacheWrite;
  return [about + prompt.toLocaleString('en-US'), about + tokens.output.toLocaleString('en-US')];
}

function chargeText({ charge }: Generation): string {
  return charge === null ? '-' : `${charge.amount} ${charge.currency}`;
}

function costText({ cost }: Generation): string {
  if (cost.state === 'none') return '-';
  if (cost.state === 'unknown') return 'unknown';
  if (cost.state === 'unpriced') return 'unpriced (!)';
  const price = cost.amount === null ? undefined : `${cost.amount} ${cost.currency ?? ''}`.trimEnd();
  if (cost.state === 'priced') return price ?? '-';
  return `free (sandbox)${price === undefined ? '' : `, list price ${price}`}`;
}
