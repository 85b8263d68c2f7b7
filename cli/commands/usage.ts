import { type Command, Option } from 'commander';
import type { UsageGrouping, UsageReport } from '../../client/answer.ts';
import { usageFailure } from '../failure.ts';
import { connect, type RemoteOptions, remoteCommand } from '../remote-command.ts';
import { writeResult } from '../result-file.ts';
import type { Terminal } from '../terminal.ts';
import { usageCsv } from '../usage-csv.ts';
import { usageText } from '../usage-table.ts';

type Format = 'table' | 'csv' | 'json';

interface UsageOptions extends RemoteOptions {
  readonly from?: string;
  readonly to?: string;
  readonly by: UsageGrouping;
  readonly format?: Format;
  readonly out?: string;
}

// The contract's own list is not read here: it would load zod for --help.
const groupings = ['key', 'model', 'upstream', 'day', 'tenant', 'key-model', 'day-model'] as const satisfies readonly UsageGrouping[];
const formats = ['table', 'csv', 'json'] as const satisfies readonly Format[];

const render: Readonly<Record<Format, (report: UsageReport) => string>> = {
  table: usageText,
  csv: usageCsv,
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
};

/** `moongate usage`: totals of what was used, what it cost and what was charged for it. */
export function usageCommand(terminal: Terminal): Command {
  return remoteCommand('usage', 'what was used, what it cost and what was charged for it')
    .option('--from <when>', 'from this date (2026-01-31, UTC) or time on')
    .option('--to <when>', 'up to, but without, this date or time')
    .addOption(new Option('--by <grouping>', 'what to add up by').choices(groupings).default('key-model'))
    .addOption(new Option('--format <format>', 'how to write it; --json is short for json').choices(formats))
    .option('--out <file>', 'write it to this file')
    .action(async (options: UsageOptions) => {
      if (options.json === true && options.format !== undefined && options.format !== 'json') throw usageFailure(`--json and --format ${options.format}: choose one`);
      const client = await connect(options, terminal);
      const answer = await client.call('usage', { from: options.from, to: options.to, by: options.by });
      const text = render[options.json === true ? 'json' : (options.format ?? 'table')](answer);
      if (options.out === undefined) terminal.out(text);
      else writeResult(options.out, text, terminal);
    });
}
