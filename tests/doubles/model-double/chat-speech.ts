import { byTurns, pieces, refusedWords, type ScriptedReply, scriptedUsage, type Speech } from './scripted-reply.ts';

const usage = {
  prompt_tokens: scriptedUsage.prompt,
  completion_tokens: scriptedUsage.output,
  total_tokens: scriptedUsage.prompt + scriptedUsage.output,
  cached_tokens: scriptedUsage.cached,
  completion_tokens_details: { reasoning_tokens: scriptedUsage.thinking },
};
const head = { id: 'chatcmpl-5f1e', created: 1_790_000_000, model: 'double' };
const broken = { error: { message: 'the double broke', type: 'server_error' } };

function data(payload: unknown): string {
  return `data: ${typeof payload === 'string' ? payload : JSON.stringify(payload)}\n\n`;
}

function chunk(delta: unknown, finish: string | null = null): string {
  return data({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] });
}

function finishOf({ calls = [], finish }: ScriptedReply): string {
  if (finish !== undefined) return finish === 'length' ? 'length' : 'content_filter';
  return calls.length > 0 ? 'tool_calls' : 'stop';
}

/** Chat completions as Moonshot has them (moonshot-api.md 2.2), with the usage in a chunk of its own. */
export const chatSpeech: Speech = {
  path: '/v1/chat/completions',
  stream(reply) {
    const { thinking = '', text = '', refusal = '', calls = [], fault, stops, uncounted } = reply;
    const said = [
      chunk({ role: 'assistant', content: '' }),
      ...pieces(thinking).map((piece) => chunk({ reasoning_content: piece })),
      ...pieces(text).map((piece) => chunk({ content: piece })),
      ...pieces(refusal).map((piece) => chunk({ refusal: piece })),
    ].join('');
    if (stops !== undefined) return said;
    if (fault === 'broken') return said + data(broken);
    const called = [
      ...calls.map(({ id, name }, index) => chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] })),
      ...byTurns(calls.map(({ argumentsText }) => argumentsText)).map(({ index, piece }) => chunk({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ].join('');
    const counted = uncounted === true ? '' : data({ ...head, object: 'chat.completion.chunk', choices: [], usage });
    return said + called + chunk({}, finishOf(reply)) + counted + data('[DONE]');
  },
  whole(reply) {
    const { thinking, text, refusal, calls = [], fault, uncounted } = reply;
    if (fault === 'broken') return broken;
    const message = {
      role: 'assistant',
      content: text ?? null,
      ...(thinking === undefined ? {} : { reasoning_content: thinking }),
      ...(refusal === undefined ? {} : { refusal }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(({ id, name, argumentsText }) => ({ id, type: 'function', function: { name, arguments: argumentsText } })) }),
    };
    return { ...head, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: finishOf(reply) }], ...(uncounted === true ? {} : { usage }) };
  },
  error: (fault) =>
    fault === 'refused'
      ? { status: 400, body: { error: { message: refusedWords, type: 'invalid_request_error' } } }
      : { status: 503, body: { error: { message: 'too many', type: 'engine_overloaded_error' } } },
};
