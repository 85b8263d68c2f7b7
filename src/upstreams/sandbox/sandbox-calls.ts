import { Fault } from '../../base/fault.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { Tool, ToolChoice } from '../../dialogue/tool.ts';
import { offeredTools } from './prompt-text.ts';
import type { SandboxToolRule } from './sandbox-script.ts';
import { type SampleBudget, sampleSchema } from './schema-sample.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Situation } from './situation.ts';

/** A tool call as the sandbox means to write it. */
export interface PlannedCall {
  readonly id: string;
  readonly kind: 'function' | 'builtin';
  readonly name: string;
  readonly argumentsText: string;
}

type CallableTool = Exclude<Tool, { kind: 'opaque' }>;

/** Calls made at once, at most. */
const callsMax = 8;

/** Words by which people ask for a kind of tool, beside the words of its name. */
const topics: readonly (readonly [RegExp, RegExp])[] = [
  [/weather|forecast|temperature/i, /weather|forecast|how (?:hot|cold|warm)|天气|气温|погод|pogod/i],
  [
    /search|lookup|find|google|browse/i,
    /search|look up|find|latest|news|搜索|查|新闻|найд|поищ|новост|szuka|znajd|wiadomo/i,
  ],
  [
    /time|clock|date/i,
    /what time|what day|today|几点|时间|日期|который час|сегодня|która godzina|dzisiaj/i,
  ],
  [/calc|math|add|sum|multipl/i, /calculat|compute|\d\s*[-+*/×]\s*\d|计算|посчита|oblicz|policz/i],
];

/**
 * Which tools are called, and with what. With tool_choice `none`, or `auto` after anything but a user message, none.
 * With `auto`: every tool whose name, or a word of it, the user mentions (or whose topic, in four languages); failing
 * that, the first tool when the user asks a question. `required` takes the same tools, or else the first; a named tool is
 * always called; of `allowed` tools, only those count. One call per tool, at most eight; one in all when parallel calls are off.
 * Throws an `invalid_request` fault when a tool must be called and is not there (moonshot-api.md 2.6).
 */
export function planCalls(
  request: DialogueRequest,
  situation: Situation,
  random: SeededRandom,
  budget: SampleBudget,
  rule: SandboxToolRule = 'auto',
): readonly PlannedCall[] {
  const { toolChoice } = request;
  const allowed = toolChoice?.type === 'allowed' ? new Set(toolChoice.names) : undefined;
  const tools = offeredTools(request).filter((tool) => tool.kind !== 'opaque').filter(({ name }) => allowed?.has(name) ?? true);
  const chosen = chooseTools(tools, toolChoice, situation, rule);
  const kept = chosen.slice(0, request.parallelToolCalls === false ? 1 : callsMax);
  return kept.map((tool, index) => ({
    id: `functions.${tool.name}:${situation.callCount + index}`,
    kind: tool.kind,
    name: tool.name,
    argumentsText: argumentsFor(tool, situation, random, budget),
  }));
}

function chooseTools(
  tools: readonly CallableTool[],
  choice: ToolChoice | undefined,
  situation: Situation,
  rule: SandboxToolRule,
): readonly CallableTool[] {
  if (choice?.type === 'none') return [];
  if (choice?.type === 'named') {
    const named = tools.find((tool) => tool.name === choice.name);
    if (named === undefined) throw badChoice('tool_choice names a tool that is not offered');
    return [named];
  }
  const wanted = wantedTools(tools, situation);
  if (choice?.type === 'required' || (choice?.type === 'allowed' && choice.mode === 'required')) {
    if (tools.length === 0) throw badChoice('tool_choice is "required" but no tools are offered');
    return wanted.length > 0 ? wanted : tools.slice(0, 1);
  }
  if (situation.lastRole !== 'user' || rule === 'never') return [];
  return rule === 'always' && wanted.length === 0 ? tools.slice(0, 1) : wanted;
}

function badChoice(message: string): Fault {
  return new Fault('invalid_request', { message, field: 'tool_choice' });
}

/** The tools that the user's words ask for. */
function wantedTools(tools: readonly CallableTool[], situation: Situation): readonly CallableTool[] {
  const said = situation.userText.slice(0, 10_000);
  const saidLower = said.toLowerCase();
  const mentioned = tools.filter((tool) => {
    if (saidLower.includes(tool.name.toLowerCase())) return true;
    if (nameWords(tool.name).some((word) => saidLower.includes(word))) return true;
    return topics.some(([named, asked]) => named.test(tool.name) && asked.test(said));
  });
  if (mentioned.length > 0) return mentioned;
  return /[?？]/.test(said) ? tools.slice(0, 1) : [];
}

/** The words of a tool's name that tell it from others: `get_weatherReport` gives `weather` and `report`. */
function nameWords(name: string): readonly string[] {
  const words = name.replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2').toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return words.filter((word) => word.length >= 4 || /\p{Script=Han}/u.test(word));
}

function argumentsFor(tool: CallableTool, situation: Situation, random: SeededRandom, budget: SampleBudget): string {
  if (tool.kind === 'builtin') return builtinArguments(random);
  if (tool.parameters === undefined) return '{}';
  return JSON.stringify(sampleSchema({ type: 'object', ...tool.parameters }, random, situation.userText, budget));
}

/** What Moonshot's `$web_search` is called with; the client sends it back as it is (moonshot-api.md 2.5). */
function builtinArguments(random: SeededRandom): string {
  return JSON.stringify({ search_result: { search_id: random.hex(32) }, usage: { total_tokens: random.between(800, 9_000) } });
}
