import { hash } from 'node:crypto';
import type { FinishReason } from '../../dialogue/finish.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { type PlannedCall, planCalls } from './sandbox-calls.ts';
import type { PhraseFacts } from './sandbox-phrases.ts';
import type { SandboxIdForm, SandboxScript } from './sandbox-script.ts';
import { answerText, asksForRefusal, continued, fillerText, jsonText } from './sandbox-speech.ts';
import { refusalText, thinkingText, untilStop } from './sandbox-speech.ts';
import type { SampleBudget } from './schema-sample.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Situation } from './situation.ts';

/** One choice of an answer before it is cut into events. */
export interface Draft {
  readonly thinking: string | undefined;
  readonly text: string | undefined;
  readonly refusal: string | undefined;
  readonly calls: readonly PlannedCall[];
  readonly finish: FinishReason;
  /** The stop sequence that ended the text. */
  readonly stopSequence?: string;
}

/** What a draft is made from. */
export interface DraftScene {
  readonly request: DialogueRequest;
  readonly situation: Situation;
  readonly facts: PhraseFacts;
  readonly thinks: boolean;
  readonly script: SandboxScript;
  readonly budget: SampleBudget;
}

/** Faults that only show when a tool is called, so one is called if any is there. */
const callFaults: ReadonlySet<string | undefined> = new Set([
  'leaked-markers', 'leaked-markers-thinking', 'wrong-ids', 'undeclared-tool', 'truncated-arguments', 'raw-newline-arguments',
]);

/**
 * What a healthy deployment would answer, then spoiled as the script asks.
 * Throws an `invalid_request` fault when the request forces a tool that is not there.
 */
export function draftChoice(scene: DraftScene, random: SeededRandom): Draft {
  return spoiled(healthyDraft(scene, random), scene.script);
}

function healthyDraft(scene: DraftScene, random: SeededRandom): Draft {
  const { request, situation, facts, script } = scene;
  if (request.contextCache?.prefixOnly === true) return { thinking: undefined, text: undefined, refusal: undefined, calls: [], finish: 'stop' };
  if (asksForRefusal(situation)) {
    return { thinking: undefined, text: undefined, refusal: refusalText(situation), calls: [], finish: 'content-filter' };
  }
  const rule = callFaults.has(script.fault) ? 'always' : script.tools;
  const calls = planCalls(request, situation, random, scene.budget, rule);
  // Nothing is known of how a vendor combines thinking with a prefix to go on from; the sandbox goes straight on.
  const thinking = scene.thinks && situation.prefix === undefined
    ? thinkingText(situation, facts, request.thinking?.effort, calls.length > 0)
    : undefined;
  if (calls.length > 0) return { thinking, text: undefined, refusal: undefined, calls, finish: 'tool-calls' };
  return { thinking, ...contentOf(scene, random), refusal: undefined, calls, finish: 'stop' };
}

function contentOf({ request, situation, facts, script, budget }: DraftScene, random: SeededRandom): { readonly text: string; readonly stopSequence?: string } {
  const format = request.outputFormat ?? { type: 'text' };
  const answer = format.type === 'text'
    ? lengthened(answerText(situation, facts, random), script.outputTokens ?? 0, situation, random)
    : jsonText(format, situation, facts, random, budget);
  return untilStop(situation.prefix === undefined ? answer : continued(situation.prefix, answer), request.sampling.stop);
}

/** Four characters a token, or one of a wide script: near enough for an answer that is to be about so long. */
function lengthened(answer: string, tokens: number, situation: Situation, random: SeededRandom): string {
  const charsMin = tokens * (situation.language === 'zh' ? 1 : 4);
  let text = answer;
  while (text.length < charsMin) text += ` ${fillerText(situation, random)}`;
  return text;
}

function spoiled(draft: Draft, script: SandboxScript): Draft {
  switch (script.fault) {
    case 'content-filter':
      return { ...draft, text: half(draft.text ?? draft.refusal ?? ''), refusal: undefined, calls: [], finish: 'content-filter' };
    case 'empty-answer':
      return { thinking: undefined, text: '', refusal: undefined, calls: [], finish: 'stop' };
    case 'thinking-only':
      return { thinking: draft.thinking ?? '…', text: undefined, refusal: undefined, calls: [], finish: 'stop' };
    case 'leaked-markers':
      if (draft.calls.length === 0) return draft;
      return { ...draft, text: markers(draft.calls), calls: [], finish: 'stop' };
    case 'leaked-markers-thinking':
      if (draft.calls.length === 0) return draft;
      return { ...draft, thinking: (draft.thinking ?? '') + markers(draft.calls), calls: [], finish: 'stop' };
    case 'wrong-finish':
      return { ...draft, finish: draft.calls.length > 0 ? 'stop' : 'tool-calls' };
    case 'wrong-ids':
      return withCalls(draft, (call, index) => ({ ...call, id: wrongId(script.ids ?? 'call', call, index) }));
    case 'undeclared-tool':
      return withCalls(draft, (call) => ({ ...call, id: call.id.replace(call.name, 'read_moon'), name: 'read_moon' }));
    case 'truncated-arguments':
      return withCalls(draft, (call) => ({ ...call, argumentsText: call.argumentsText.slice(0, -1) }));
    case 'raw-newline-arguments':
      return withCalls(draft, (call) => ({ ...call, argumentsText: withRawNewline(call.argumentsText) }));
    default:
      return draft;
  }
}

function withCalls(draft: Draft, change: (call: PlannedCall, index: number) => PlannedCall): Draft {
  return { ...draft, calls: draft.calls.map(change) };
}

/** The raw form in which K2 writes tool calls, which an engine without its parser lets through (tool-calls.md 2.1, F1). */
function markers(calls: readonly PlannedCall[]): string {
  const sections = calls.map(
    (call) => `<|tool_call_begin|>${call.id}<|tool_call_argument_begin|>${call.argumentsText}<|tool_call_end|>`,
  );
  return `<|tool_calls_section_begin|>${sections.join('')}<|tool_calls_section_end|>`;
}

/** Forms of id that engines are seen to mint in place of `functions.{name}:{idx}` (tool-calls.md F3, F4). */
function wrongId(form: SandboxIdForm, call: PlannedCall, index: number): string {
  switch (form) {
    case 'call': return `call_${hash('sha256', call.id).slice(0, 24)}`;
    case 'short': return `${call.name}:${index + 2}`;
    case 'number': return String(index);
    case 'duplicate': return `functions.${call.name}:0`;
  }
}

/** Puts a raw newline in the first string value, or in one of its own when there is none (tool-calls.md F7a). */
function withRawNewline(argumentsText: string): string {
  const inString = argumentsText.replace(':"', ':"\n');
  if (inString !== argumentsText) return inString;
  return argumentsText === '{}' ? '{"note":"\n"}' : argumentsText.replace('{', '{"note":"\n",');
}

function half(text: string): string {
  const points = Array.from(text);
  return points.slice(0, Math.ceil(points.length / 2)).join('');
}
