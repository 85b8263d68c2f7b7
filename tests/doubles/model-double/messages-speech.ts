import { pieces, refusedWords, scriptedProof, type ScriptedReply, scriptedUsage, type Speech } from './scripted-reply.ts';

/** Without what came from the cache, unlike anywhere else (responses-ark-anthropic-batch.md 3.3). */
const inputUsage = { input_tokens: scriptedUsage.prompt - scriptedUsage.cached, cache_read_input_tokens: scriptedUsage.cached, cache_creation_input_tokens: 0 };
const outputUsage = { output_tokens: scriptedUsage.output, output_tokens_details: { thinking_tokens: scriptedUsage.thinking } };
const head = { id: 'msg_5f1e', type: 'message', role: 'assistant', model: 'double' };
const broken = { type: 'error', error: { type: 'api_error', message: 'the double broke' } };

function event(payload: { readonly type: string } & Record<string, unknown>): string {
  return `event: ${payload.type}\ndata: ${JSON.stringify(payload)}\n\n`;
}

function stopOf({ calls = [], finish, refusal }: ScriptedReply): string {
  if (finish === 'length') return 'max_tokens';
  if (finish === 'content-filter' || refusal !== undefined) return 'refusal';
  return calls.length > 0 ? 'tool_use' : 'end_turn';
}

/** A block in its events. */
function block(index: number, start: unknown, deltas: readonly unknown[]): string {
  return [
    event({ type: 'content_block_start', index, content_block: start }),
    ...deltas.map((delta) => event({ type: 'content_block_delta', index, delta })),
    event({ type: 'content_block_stop', index }),
  ].join('');
}

/** Anthropic's Messages (responses-ark-anthropic-batch.md 3.3, 3.4); a refusal is words and a stop reason. */
export const messagesSpeech: Speech = {
  path: '/v1/messages',
  stream(reply) {
    const { thinking, text, refusal, calls = [], fault, stops, uncounted } = reply;
    const words = text ?? refusal;
    let index = -1;
    const next = (): number => (index += 1);
    const start = event({ type: 'message_start', message: { ...head, content: [], stop_reason: null, stop_sequence: null, ...(uncounted === true ? {} : { usage: { ...inputUsage, output_tokens: 1 } }) } });
    const thought = thinking === undefined ? '' : block(next(), { type: 'thinking', thinking: '', signature: '' }, [
      ...pieces(thinking).map((piece) => ({ type: 'thinking_delta', thinking: piece })),
      { type: 'signature_delta', signature: scriptedProof },
    ]);
    const said = words === undefined ? '' : block(next(), { type: 'text', text: '' }, pieces(words).map((piece) => ({ type: 'text_delta', text: piece })));
    const begun = start + event({ type: 'ping' }) + thought + said;
    if (stops !== undefined) return begun;
    if (fault === 'broken') return begun + event(broken);
    const called = calls.map(({ id, name, argumentsText }) =>
      block(next(), { type: 'tool_use', id, name, input: {} }, pieces(argumentsText).map((piece) => ({ type: 'input_json_delta', partial_json: piece }))),
    );
    return [
      begun, ...called,
      event({ type: 'message_delta', delta: { stop_reason: stopOf(reply), stop_sequence: null }, ...(uncounted === true ? {} : { usage: { ...inputUsage, ...outputUsage } }) }),
      event({ type: 'message_stop' }),
    ].join('');
  },
  whole(reply) {
    const { thinking, text, refusal, calls = [], fault, uncounted } = reply;
    if (fault === 'broken') return broken;
    const words = text ?? refusal;
    const content = [
      ...(thinking === undefined ? [] : [{ type: 'thinking', thinking, signature: scriptedProof }]),
      ...(words === undefined ? [] : [{ type: 'text', text: words }]),
      ...calls.map(({ id, name, argumentsText }) => ({ type: 'tool_use', id, name, input: JSON.parse(argumentsText) as unknown })),
    ];
    return { ...head, content, stop_reason: stopOf(reply), stop_sequence: null, ...(uncounted === true ? {} : { usage: { ...inputUsage, ...outputUsage } }) };
  },
  error: (fault) => ({
    status: fault === 'refused' ? 400 : 529,
    body: {
      type: 'error',
      error: fault === 'refused' ? { type: 'invalid_request_error', message: refusedWords } : { type: 'overloaded_error', message: 'Overloaded' },
      request_id: 'req_5f1e',
    },
  }),
};
