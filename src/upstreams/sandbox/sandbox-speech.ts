import type { JsonValue } from '../../base/json.ts';
import type { OutputFormat } from '../../dialogue/request.ts';
import { type PhraseFacts, phrases } from './sandbox-phrases.ts';
import { type SampleBudget, sampleSchema } from './schema-sample.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Situation } from './situation.ts';

/** A user message that holds this is refused, so that clients can test how they take it. */
export const refusalPhrase = 'sandbox: refuse';

/** `repeat after me: …` and its like: the rest of the message is said back. */
const echoRequest = new RegExp(
  '^\\s*(?:please\\s+)?(?:repeat after me|say|echo|跟我说|重复|повтори|скажи|powtórz|powiedz)\\s*[:：]\\s*([\\s\\S]+)$',
  'iu',
);

const excerptChars = 120;
const excerptsMax = 4;

/** Does the user ask the sandbox to refuse? */
export function asksForRefusal(situation: Situation): boolean {
  return situation.userText.includes(refusalPhrase);
}

/** What is said in a refusal. */
export function refusalText(situation: Situation): string {
  return phrases[situation.language].refusal;
}

/** Thoughts before the answer. `effort` is the caller's word: `low` thinks one sentence, `high` and above think all. */
export function thinkingText(
  situation: Situation,
  facts: PhraseFacts,
  effort: string | undefined,
  callsTool: boolean,
): string {
  const { thoughts, callThought } = phrases[situation.language];
  const all = thoughts(facts);
  const kept = effort === 'low' || effort === 'minimal' ? all.slice(0, 1) : effort === 'medium' ? all.slice(0, 2) : all;
  return (kept.join('') + (callsTool ? callThought : '')).trimEnd();
}

/** The answer in words: an echo when one was asked for, the tools' results when they are in, else who is speaking. */
export function answerText(situation: Situation, facts: PhraseFacts, random: SeededRandom): string {
  const echo = situation.lastRole === 'user' ? echoRequest.exec(situation.userText)?.[1] : undefined;
  if (echo !== undefined) return echo;
  const words = phrases[situation.language];
  if (situation.toolResults.length > 0) return words.results(excerptsOf(situation.toolResults));
  return random.pick(words.answers(facts)) + (situation.mediaCount > 0 ? words.media : '') + words.advice;
}

/** Sentences to fill a long answer with, one after the other. */
export function fillerText(situation: Situation, random: SeededRandom): string {
  return random.pick(phrases[situation.language].filler);
}

/** The answer as JSON text: a value of the schema asked for, or any object that carries the answer. */
export function jsonText(
  format: Exclude<OutputFormat, { type: 'text' }>,
  situation: Situation,
  facts: PhraseFacts,
  random: SeededRandom,
  budget: SampleBudget,
): string {
  const value: JsonValue = format.type === 'json-schema'
    ? sampleSchema(format.schema, random, situation.userText, budget)
    : { sandbox: true, model: facts.model, answer: answerText(situation, facts, random) };
  return JSON.stringify(value);
}

/** `answer` as it goes on from `prefix`: what is left of it when it begins so, else all of it after a blank. */
export function continued(prefix: string, answer: string): string {
  if (answer.startsWith(prefix)) return answer.slice(prefix.length);
  return prefix === '' || /\s$/u.test(prefix) ? answer : ` ${answer}`;
}

/** `text` up to the first of the `stop` sequences, which is not said itself; and which one it was, if any. */
export function untilStop(text: string, stop: readonly string[] | undefined): { readonly text: string; readonly stopSequence?: string } {
  let end = text.length;
  let met: string | undefined;
  for (const sequence of stop ?? []) {
    const at = sequence === '' ? -1 : text.indexOf(sequence);
    if (at < 0 || at >= end) continue;
    end = at;
    met = sequence;
  }
  return { text: text.slice(0, end), ...(met === undefined ? {} : { stopSequence: met }) };
}

/** Cuts text into pieces about the size of a token; joined again they are the text. No surrogate pair is ever parted. */
export function splitPieces(text: string): readonly string[] {
  return text.match(/\s{0,4}(?:\p{Script=Han}{1,2}|[\p{L}\p{N}\p{M}]{1,6}|[^\p{L}\p{N}\s]{1,3})|\s{1,8}/gu) ?? [];
}

function excerptsOf(results: readonly string[]): string {
  const shown = results.slice(0, excerptsMax).map((result) => {
    const points = Array.from(result.slice(0, 4 * excerptChars).replaceAll(/\s+/gu, ' ').trim());
    return `“${points.slice(0, excerptChars).join('')}${points.length > excerptChars ? '…' : ''}”`;
  });
  return shown.join(', ') + (results.length > excerptsMax ? ', …' : '');
}
