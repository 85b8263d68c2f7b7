import OpenAI from 'openai';
import { ResponsesWebSocketAccumulator } from 'openai/lib/responses/responses-websocket-accumulator';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import { sampleStyle } from './sample-style.ts';
import { ResponsesStreamEncoder } from './stream-encode.ts';

const usage = { inputUncached: 10, cacheRead: 5, cacheWrite: 1, output: 7, reasoning: 3, estimated: false };
const call = (index: number, id: string, name: string): DialogueEvent => ({ type: 'tool-call-start', choice: 0, index, id, kind: 'function', name });
const args = (index: number, argumentsText: string): DialogueEvent => ({ type: 'tool-call-delta', choice: 0, index, argumentsText });
const text = (said: string): DialogueEvent => ({ type: 'text-delta', choice: 0, text: said });
const thinking = (thought: string): DialogueEvent => ({ type: 'thinking-delta', choice: 0, text: thought });
const refusal = (said: string): DialogueEvent => ({ type: 'refusal-delta', choice: 0, text: said });
const end = (reason: 'stop' | 'tool-calls' | 'length' | 'content-filter'): DialogueEvent => ({ type: 'choice-end', choice: 0, finish: { reason } });

const tools = [
  { type: 'function', name: 'weather', parameters: { type: 'object' }, strict: null },
  { type: 'custom', name: 'apply', description: 'free' },
  { type: 'shell', environment: { type: 'local' } },
  { type: 'namespace', name: 'crm', description: 'd', tools: [{ type: 'function', name: 'find', parameters: {} }] },
];

/** What `openai` makes of what we write, with the events that it saw. */
async function throughSdk(sent: string): Promise<{ final: OpenAI.Responses.Response; seen: string[]; error?: unknown }> {
  const client = new OpenAI({ apiKey: 'x', baseURL: 'http://localhost/v1', maxRetries: 0, fetch: () => Promise.resolve(new Response(sent, { headers: { 'content-type': 'text/event-stream' } })) });
  const seen: string[] = [];
  const stream = client.responses.stream({ model: 'kimi-k2', input: 'hi' });
  for await (const event of stream) seen.push(event.type);
  return { final: await stream.finalResponse(), seen };
}

/** What the SDK's accumulator for sockets has made of all events but the last, which it would keep as it is. */
function throughSocket(written: string): unknown {
  const accumulator = new ResponsesWebSocketAccumulator();
  for (const line of written.split('\n')) {
    if (line.startsWith('data: {') && !line.startsWith('data: {"type":"response.completed"')) accumulator.add(JSON.parse(line.slice('data: '.length)) as Parameters<ResponsesWebSocketAccumulator['add']>[0]);
  }
  return accumulator.current;
}

function sent(events: readonly DialogueEvent[], body: object = {}): { text: string; encoder: ResponsesStreamEncoder } {
  const encoder = new ResponsesStreamEncoder(sampleStyle(body));
  const said = events.map((event) => encoder.encode([{ events: [event] }])).join('');
  return { text: said + encoder.finish(usage), encoder };
}

describe('through the openai SDK', () => {
  it('takes thinking, text and a refusal', async () => {
    const { text: written, encoder } = sent([thinking('let '), thinking('me'), text('Hello'), text(' you'), refusal('but no'), end('stop')]);
    const { final, seen } = await throughSdk(written);
    expect(final.output_text).toBe('Hello you');
    expect(final.status).toBe('completed');
    expect(final.output).toMatchObject(encoder.output());
    expect(final.usage).toEqual({
      input_tokens: 16, input_tokens_details: { cached_tokens: 5, cache_write_tokens: 1 }, output_tokens: 7, output_tokens_details: { reasoning_tokens: 3 }, total_tokens: 23,
    });
    expect(seen).toEqual([
      'response.created', 'response.in_progress',
      'response.output_item.added', 'response.reasoning_summary_part.added', 'response.reasoning_summary_text.delta', 'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done', 'response.reasoning_summary_part.done', 'response.output_item.done',
      'response.output_item.added', 'response.content_part.added', 'response.output_text.delta', 'response.output_text.delta', 'response.output_text.done', 'response.content_part.done',
      'response.content_part.added', 'response.refusal.delta', 'response.refusal.done', 'response.content_part.done', 'response.output_item.done',
      'response.completed',
    ]);
  });

  it('takes parallel calls that are written by turns, of every form', async () => {
    const { text: written } = sent(
      [
        text('I call'), call(0, 'c0', 'weather'), call(1, 'c1', 'shell'), args(0, '{"a"'), call(2, 'c2', 'apply'), args(1, '{"commands":["ls"'), args(2, '{"input":"a\\n'),
        args(0, ':1}'), args(2, 'b"}'), args(1, ']}'), call(3, 'c3', 'crm__find'), args(3, '{}'), end('tool-calls'),
      ],
      { tools },
    );
    const { final } = await throughSdk(written);
    expect(throughSocket(written)).toMatchObject({
      phase: 'provisional', snapshot: { output: final.output.map(({ id, type }) => ({ id, type, status: 'completed' })) },
    });
    expect(final.output).toMatchObject([
      { type: 'message', content: [{ type: 'output_text', text: 'I call' }] },
      { type: 'function_call', call_id: 'c0', name: 'weather', arguments: '{"a":1}', status: 'completed' },
      { type: 'shell_call', call_id: 'c1', action: { commands: ['ls'], timeout_ms: null, max_output_length: null }, status: 'completed' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'apply', input: 'a\nb' },
      { type: 'function_call', call_id: 'c3', name: 'find', namespace: 'crm', arguments: '{}' },
    ]);
  });

  it('takes a reply that was cut, and an empty one', async () => {
    const cut = await throughSdk(sent([thinking('hm'), call(0, 'c0', 'weather'), args(0, '{"a'), end('length')], { tools }).text);
    expect(cut.final).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, completed_at: null });
    expect(cut.final.output).toMatchObject([{ type: 'reasoning' }, { type: 'function_call', status: 'incomplete', arguments: '{"a' }]);
    expect(cut.final.output[0]).not.toHaveProperty('status');
    const empty = await throughSdk(sent([end('stop')]).text);
    expect(empty.final).toMatchObject({ status: 'completed', output: [], completed_at: 1007 });
  });

  it('takes thinking and text that come back after calls', async () => {
    const { final } = await throughSdk(sent([text('a'), thinking('b'), call(0, 'c0', 'weather'), text('c'), args(0, '{}'), thinking('d'), end('tool-calls')], { tools }).text);
    expect(final.output.map((item) => item.type)).toEqual(['message', 'reasoning', 'function_call', 'message', 'reasoning']);
  });

  it('gives a second call of the same id another one', async () => {
    const { final } = await throughSdk(sent([call(0, 'c', 'weather'), call(1, 'c', 'weather'), end('tool-calls')], { tools }).text);
    const ids = final.output.map((item) => ('call_id' in item ? item.call_id : undefined));
    expect(new Set(ids).size).toBe(2);
  });

  it('throws the error of a stream that fails, after it has seen what came before', async () => {
    const encoder = new ResponsesStreamEncoder(sampleStyle());
    const written = encoder.encode([{ events: [text('Hel')] }]) + encoder.fail(new Fault('upstream_rate_limited', { message: 'slow down' }));
    await expect(throughSdk(written)).rejects.toThrow('slow down');
    expect(encoder.response()).toMatchObject({
      status: 'failed', error: { code: 'rate_limit_exceeded', message: 'slow down' }, output: [{ type: 'message', status: 'incomplete', content: [{ text: 'Hel' }] }],
    });
  });

  it('takes a background response that was queued first', async () => {
    const encoder = new ResponsesStreamEncoder(sampleStyle({ background: true }));
    const written = encoder.open('queued') + encoder.encode([{ events: [text('x'), end('stop')] }]) + encoder.finish(usage);
    const { seen, final } = await throughSdk(written);
    expect(seen.slice(0, 4)).toEqual(['response.created', 'response.queued', 'response.in_progress', 'response.output_item.added']);
    expect(final.output_text).toBe('x');
  });
});
