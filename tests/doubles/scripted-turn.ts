import { chunk as chunkOf, completion, jsonReply, type RecordedRequest, type Script, streamReply } from './scripted-upstream.ts';

/** What the model does in one turn. */
export interface Turn {
  readonly thinking?: string;
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly input: Readonly<Record<string, unknown>> }[];
}

interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A message of a chat as it arrives at an upstream. */
export interface UpstreamMessage {
  readonly role: string;
  readonly content?: string | readonly { readonly type: string; readonly text?: string }[] | null;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly tool_call_id?: string;
}

export interface UpstreamChat {
  readonly model: string;
  readonly messages: readonly UpstreamMessage[];
  readonly tools?: readonly { readonly type: string; readonly function?: { readonly name: string } }[];
  readonly stream?: boolean;
}

/** Clients take replies with the same id for parts of one. */
let replies = 0;
const nextId = (): string => `chatcmpl-turn-${(replies += 1)}`;

const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, cached_tokens: 40 };

/** The turn as Kimi streams it: thinking, text, calls with ids in K2's form, and the usage with the end. */
export function streamedTurn(turn: Turn): Script {
  const calls = toolCalls(turn);
  const id = nextId();
  const chunk = (delta: Readonly<Record<string, unknown>>, end: string | null = null, more = {}): unknown => chunkOf(delta, end, { id, ...more });
  return streamReply(
    chunk({ role: 'assistant', content: '' }),
    ...(turn.thinking === undefined ? [] : halves(turn.thinking).map((part) => chunk({ reasoning_content: part }))),
    ...(turn.text === undefined ? [] : halves(turn.text).map((part) => chunk({ content: part }))),
    ...calls.flatMap((call, index) => [
      chunk({ tool_calls: [{ index, ...call, function: { name: call.function.name, arguments: '' } }] }),
      ...halves(call.function.arguments).map((part) => chunk({ tool_calls: [{ index, function: { arguments: part } }] })),
    ]),
    chunk({}, calls.length > 0 ? 'tool_calls' : 'stop', { usage }),
  );
}

/** The same for a request that is not streamed. */
export function wholeTurn(turn: Turn): Script {
  const calls = toolCalls(turn);
  const message = {
    role: 'assistant',
    content: turn.text ?? '',
    ...(turn.thinking === undefined ? {} : { reasoning_content: turn.thinking }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
  return jsonReply(completion('', { id: nextId(), choices: [{ index: 0, message, finish_reason: calls.length > 0 ? 'tool_calls' : 'stop' }], usage }));
}

/** The turn as an upstream streams it that speaks Anthropic's Messages. */
export function messagesTurn({ thinking, text, calls = [] }: Turn): Script {
  const blocks = [
    ...(thinking === undefined ? [] : [{ start: { type: 'thinking', thinking: '', signature: '' }, deltas: [{ type: 'thinking_delta', thinking }, { type: 'signature_delta', signature: `signed:${thinking}` }] }]),
    ...(text === undefined ? [] : [{ start: { type: 'text', text: '' }, deltas: [{ type: 'text_delta', text }] }]),
    ...calls.map(({ name, input }, index) => ({
      start: { type: 'tool_use', id: `toolu_${replies}_${index}`, name, input: {} }, deltas: [{ type: 'input_json_delta', partial_json: JSON.stringify(input) }],
    })),
  ];
  const message = { id: nextId(), type: 'message', role: 'assistant', model: 'kimi', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 60, output_tokens: 0 } };
  const events = [
    { type: 'message_start', message },
    ...blocks.flatMap(({ start, deltas }, index) => [
      { type: 'content_block_start', index, content_block: start },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: { stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { input_tokens: 60, cache_read_input_tokens: 40, output_tokens: 20 } },
    { type: 'message_stop' },
  ];
  return events.map((event) => ({ do: 'write', body: `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n` }));
}

/** A stream that breaks off after some thinking, and after some text unless it is to have no `words`. */
export function brokenTurn({ words = true }: { readonly words?: boolean } = {}): Script {
  return [...streamedTurn({ thinking: 'Half a thought', text: 'Half an answer' }).slice(0, words ? 5 : 3), { do: 'wait', ms: 50 }, { do: 'reset' }];
}

/** A stream that says something and then hangs. */
export function hangingTurn(): Script {
  return [...streamedTurn({ thinking: 'Let me think about this.', text: 'To begin with' }).slice(0, 4), { do: 'hang' }];
}

/** What an upstream was asked. */
export function chatOf(request: RecordedRequest | undefined): UpstreamChat {
  return JSON.parse(request?.body ?? '{}') as UpstreamChat;
}

/** The text of a message, its parts joined. */
export function textOf(message: UpstreamMessage | undefined): string {
  const content = message?.content ?? '';
  return typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('\n');
}

function toolCalls(turn: Turn): ToolCall[] {
  return (turn.calls ?? []).map(({ name, input }, index) => ({ id: `${name}:${index}`, type: 'function', function: { name, arguments: JSON.stringify(input) } }));
}

function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}
