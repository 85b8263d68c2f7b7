import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { PatchableObject } from '../patchable.ts';

/** All fields in which thinking may stand. */
const thinkingFields = ['reasoning_content', 'reasoning', 'reasoning_details'];

/** Takes all thinking out of a message or a delta, encrypted thinking too. Was there any? */
export function removeThinking(holder: PatchableObject): boolean {
  let any = false;
  for (const field of thinkingFields) {
    if (holder[field] === undefined) continue;
    delete holder[field];
    any = true;
  }
  return any;
}

/**
 * The thinking in a message or a delta, by whichever name it goes: `reasoning_content` (Moonshot, Ark, DeepSeek),
 * `reasoning` (OpenRouter, newer vLLM), or the texts of `reasoning_details` (OpenRouter). Undefined: none of them is
 * there; an empty string is not that.
 */
export function thinkingText(holder: JsonObject): string | undefined {
  const content = holder['reasoning_content'];
  if (typeof content === 'string' && content !== '') return content;
  const reasoning = holder['reasoning'];
  if (typeof reasoning === 'string' && reasoning !== '') return reasoning;
  const details = holder['reasoning_details'];
  const detailed = details === undefined ? undefined : detailsText(details);
  if (detailed !== undefined && detailed !== '') return detailed;
  if (typeof content === 'string' || typeof reasoning === 'string') return '';
  return detailed;
}

/** The texts and summaries of `reasoning_details`, in order; encrypted ones have none (moonshot-api.md 6.2). */
function detailsText(details: JsonValue): string | undefined {
  if (!Array.isArray(details)) return undefined;
  let text: string | undefined;
  for (const detail of details as readonly JsonValue[]) {
    if (!isJsonObject(detail)) continue;
    const piece = detail['text'] ?? detail['summary'];
    if (typeof piece === 'string') text = (text ?? '') + piece;
  }
  return text;
}

/**
 * Mistral and its like send `content` as a list of pieces, thinking among them. Returns the text and the thinking of such
 * a list; undefined when it is something else, or holds a piece that is neither.
 */
export function listedContent(content: JsonValue | undefined): { text: string; thinking: string } | undefined {
  if (!Array.isArray(content)) return undefined;
  let text = '';
  let thinking = '';
  for (const piece of content as readonly JsonValue[]) {
    if (!isJsonObject(piece)) return undefined;
    if (piece['type'] === 'text' && typeof piece['text'] === 'string') {
      text += piece['text'];
    } else if (piece['type'] === 'thinking') {
      const inner = piece['thinking'];
      const thought = typeof inner === 'string' ? inner : listedContent(inner)?.text;
      if (thought === undefined) return undefined;
      thinking += thought;
    } else {
      return undefined;
    }
  }
  return { text, thinking };
}
