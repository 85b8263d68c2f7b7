import fc from 'fast-check';
import type { Protocol } from '../../src/dialogue/protocol.ts';

/** Something that a model does; a stream is a list of them, in whatever order. */
export type Segment =
  | { readonly kind: 'thinking' | 'text'; readonly pieces: readonly string[] }
  | { readonly kind: 'call'; readonly id: string; readonly name: string; readonly pieces: readonly string[] };

/** Pieces as upstreams send them: empty ones too. */
const spoken = fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { minLength: 1, maxLength: 4 }).filter((pieces) => pieces.join('').trim() !== '');
const written = fc.tuple(fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.constant(null)), { maxKeys: 3 }), fc.nat(20)).map(([value, cut]) => {
  const text = JSON.stringify(value);
  return [text.slice(0, cut), text.slice(cut)];
});

export const wanderings: fc.Arbitrary<readonly Segment[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('thinking' as const, 'text' as const), pieces: spoken }),
    fc.record({ kind: fc.constant('call' as const), name: fc.stringMatching(/^[a-z_]{1,8}$/), pieces: written }),
  ),
  { maxLength: 7 },
).map((segments) => segments.map((segment, index): Segment => (segment.kind === 'call' ? { ...segment, id: `call_${index}` } : segment)));

/** The stream of an upstream that says this, by hand from the reference. */
export function streamOf(protocol: Protocol, segments: readonly Segment[]): string {
  return { 'openai-chat': byChat, 'anthropic-messages': byMessages, 'openai-responses': byResponses }[protocol](segments);
}

const head = { id: 'up_1', model: 'm' };

function frame(payload: unknown, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(payload)}\n\n`;
}

function byChat(segments: readonly Segment[]): string {
  const chunk = (delta: unknown, finish: string | null = null): string => frame({ ...head, object: 'chat.completion.chunk', created: 7, choices: [{ index: 0, delta, finish_reason: finish }] });
  let calls = 0;
  const said = segments.map((segment) => {
    if (segment.kind !== 'call') return segment.pieces.map((piece) => chunk({ [segment.kind === 'text' ? 'content' : 'reasoning_content']: piece })).join('');
    const index = calls;
    calls += 1;
    return chunk({ tool_calls: [{ index, id: segment.id, type: 'function', function: { name: segment.name, arguments: '' } }] })
      + segment.pieces.map((piece) => chunk({ tool_calls: [{ index, function: { arguments: piece } }] })).join('');
  });
  const usage = { prompt_tokens: 9, completion_tokens: 8, total_tokens: 17 };
  return [chunk({ role: 'assistant', content: '' }), ...said, chunk({}, calls > 0 ? 'tool_calls' : 'stop'), frame({ ...head, object: 'chat.completion.chunk', created: 7, choices: [], usage }), 'data: [DONE]\n\n'].join('');
}

function byMessages(segments: readonly Segment[]): string {
  const event = (payload: { readonly type: string } & Readonly<Record<string, unknown>>): string => frame(payload, payload.type);
  const said = segments.map((segment, index) => {
    const { kind } = segment;
    const block = kind === 'call' ? { type: 'tool_use', id: segment.id, name: segment.name, input: {} } : kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' };
    const deltaOf = (piece: string): unknown => (kind === 'call' ? { type: 'input_json_delta', partial_json: piece } : kind === 'text' ? { type: 'text_delta', text: piece } : { type: 'thinking_delta', thinking: piece });
    return [
      event({ type: 'content_block_start', index, content_block: block }),
      ...segment.pieces.map((piece) => event({ type: 'content_block_delta', index, delta: deltaOf(piece) })),
      ...(kind === 'thinking' ? [event({ type: 'content_block_delta', index, delta: { type: 'signature_delta', signature: `sig${index}` } })] : []),
      event({ type: 'content_block_stop', index }),
    ].join('');
  });
  const stop = segments.some(({ kind }) => kind === 'call') ? 'tool_use' : 'end_turn';
  return [
    event({ type: 'message_start', message: { ...head, type: 'message', role: 'assistant', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 9, output_tokens: 1 } } }),
    ...said,
    event({ type: 'message_delta', delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: 8 } }),
    event({ type: 'message_stop' }),
  ].join('');
}

function byResponses(segments: readonly Segment[]): string {
  let count = -1;
  const event = (type: string, fields: Readonly<Record<string, unknown>>): string => frame({ type, ...fields, sequence_number: (count += 1) }, type);
  const response = { ...head, object: 'response', created_at: 7, status: 'in_progress', error: null, incomplete_details: null, output: [], usage: null };
  const begun = event('response.created', { response });
  const items: unknown[] = [];
  const said = segments.map((segment, index) => {
    const id = `item_${index}`;
    const text = segment.pieces.join('');
    const place = { item_id: id, output_index: index };
    if (segment.kind === 'call') {
      const item = { type: 'function_call', id, call_id: segment.id, name: segment.name, arguments: text };
      items.push(item);
      return event('response.output_item.added', { output_index: index, item: { ...item, arguments: '' } })
        + segment.pieces.map((delta) => event('response.function_call_arguments.delta', { ...place, delta })).join('')
        + event('response.output_item.done', { output_index: index, item });
    }
    const spoken = segment.kind === 'text';
    const item = spoken ? { type: 'message', id, role: 'assistant', content: [{ type: 'output_text', text, annotations: [] }] } : { type: 'reasoning', id, summary: [{ type: 'summary_text', text }], encrypted_content: `enc${index}` };
    items.push(item);
    const deltas = segment.pieces.map((delta) => event(spoken ? 'response.output_text.delta' : 'response.reasoning_summary_text.delta', { ...place, [spoken ? 'content_index' : 'summary_index']: 0, delta }));
    return event('response.output_item.added', { output_index: index, item: { ...item, ...(spoken ? { content: [] } : { summary: [] }) } }) + deltas.join('') + event('response.output_item.done', { output_index: index, item });
  });
  const usage = { input_tokens: 9, output_tokens: 8, total_tokens: 17 };
  return [begun, ...said, event('response.completed', { response: { ...response, status: 'completed', output: items, usage } }), 'data: [DONE]\n\n'].join('');
}
