import type { Protocol } from '../../../src/dialogue/protocol.ts';
import { type Json, must } from '../clients/surface-client.ts';

export type ToldEntry =
  | { readonly role: 'system'; readonly text: string }
  | { readonly role: 'user'; readonly text: string; readonly images: readonly string[] }
  | { readonly role: 'assistant'; readonly thinking?: string; readonly proof?: string; readonly text: string; readonly calls: readonly ToldCall[] }
  | { readonly role: 'tool'; readonly id: string; readonly text: string; readonly images: readonly string[] };

export interface ToldCall {
  readonly id: string;
  readonly name: string;
  readonly argumentsText: string;
}

/** What an upstream was told, in nobody's protocol. */
export interface Told {
  readonly entries: readonly ToldEntry[];
  readonly tools: readonly Json[];
  readonly toolChoice: unknown;
  readonly schema: unknown;
  readonly outputTokensMax: unknown;
  readonly streamed: boolean;
}

/** Reads the body that an upstream got, by hand; throws at what the vendor would refuse. */
export function toldBy(protocol: Protocol, body: Json): Told {
  return readers[protocol](body);
}

const readers: Readonly<Record<Protocol, (body: Json) => Told>> = { 'openai-chat': byChat, 'anthropic-messages': byMessages, 'openai-responses': byResponses };

interface Parts {
  readonly text: string;
  readonly images: readonly string[];
}

function partsOf(content: unknown, textType: readonly string[], imageOf: (part: Json) => string | undefined): Parts {
  if (content === null || content === undefined) return { text: '', images: [] };
  if (typeof content === 'string') return { text: content, images: [] };
  const parts = content as readonly Json[];
  const images = parts.flatMap((part) => imageOf(part) ?? []);
  const texts = parts.filter((part) => textType.includes(String(part['type'])));
  must(images.length + texts.length === parts.length, `parts that the upstream would not know: ${JSON.stringify(parts.map(({ type }) => type))}`);
  return { text: texts.map(({ text }) => text).join(''), images };
}

function byChat(body: Json): Told {
  const imageOf = (part: Json): string | undefined => (part['image_url'] as { url: string } | undefined)?.url;
  const parts = (content: unknown): Parts => partsOf(content, ['text'], imageOf);
  const entries = (body['messages'] as Json[]).map((message): ToldEntry => {
    const { role, content } = message;
    if (role === 'system') return { role, text: parts(content).text };
    if (role === 'user') return { role, ...parts(content) };
    if (role === 'tool') return { role, id: String(message['tool_call_id']), ...parts(content) };
    must(role === 'assistant', `no role of chat: ${String(role)}`);
    const calls = ((message['tool_calls'] ?? []) as { id: string; function: { name: string; arguments: string } }[]).map((call) => ({ id: call.id, name: call.function.name, argumentsText: call.function.arguments }));
    const { reasoning_content: thinking } = message;
    must(calls.length === 0 || typeof thinking === 'string', 'Moonshot refuses tool calls without reasoning_content while the model thinks (moonshot-api.md 2.3)');
    return { role, ...(typeof thinking === 'string' ? { thinking } : {}), text: parts(content).text, calls };
  });
  const format = body['response_format'] as { json_schema: Json } | undefined;
  return {
    entries,
    tools: ((body['tools'] ?? []) as { function: Json }[]).map(({ function: { name, description, parameters } }) => ({ name, description, parameters })),
    toolChoice: body['tool_choice'],
    schema: format?.json_schema['schema'],
    outputTokensMax: body['max_completion_tokens'],
    streamed: body['stream'] === true,
  };
}

function byMessages(body: Json): Told {
  const imageOf = ({ source }: Json): string | undefined => {
    const { media_type: mediaType, data } = (source ?? {}) as { media_type?: string; data?: string };
    return data === undefined ? undefined : `data:${mediaType};base64,${data}`;
  };
  const parts = (content: unknown): Parts => partsOf(content, ['text'], imageOf);
  const entries: ToldEntry[] = body['system'] === undefined ? [] : [{ role: 'system', text: parts(body['system']).text }];
  for (const { role, content } of body['messages'] as Json[]) {
    const blocks: readonly Json[] = typeof content === 'string' ? [{ type: 'text', text: content }] : (content as readonly Json[]);
    const of = (...types: string[]): readonly Json[] => blocks.filter((block) => types.includes(String(block['type'])));
    if (role === 'user') {
      const results = of('tool_result');
      must(results.every((result, index) => result === blocks[index]), 'results stand before what the user says');
      for (const result of results) entries.push({ role: 'tool', id: String(result['tool_use_id']), ...parts(result['content']) });
      const said = blocks.slice(results.length);
      if (said.length > 0) entries.push({ role, ...parts(said) });
      continue;
    }
    must(role === 'assistant', `no role of Messages at Moonshot: ${String(role)}`);
    const kinds = blocks.map(({ type }) => ['thinking', 'text', 'tool_use'].indexOf(String(type)));
    must(!kinds.includes(-1) && kinds.every((kind, index) => kind >= (kinds[index - 1] ?? 0)), `blocks in the order thinking, text, calls: ${kinds.join()}`);
    const [thought] = of('thinking');
    const calls = of('tool_use').map(({ id, name, input }) => ({ id: String(id), name: String(name), argumentsText: JSON.stringify(input) }));
    const signature = thought?.['signature'];
    entries.push({
      role,
      ...(thought === undefined ? {} : { thinking: String(thought['thinking']) }),
      ...(typeof signature === 'string' && signature !== '' ? { proof: signature } : {}),
      text: parts(of('text')).text,
      calls,
    });
  }
  const format = (body['output_config'] as { format?: Json } | undefined)?.format;
  return {
    entries,
    tools: ((body['tools'] ?? []) as Json[]).map(({ name, description, input_schema: parameters }) => ({ name, description, parameters })),
    toolChoice: (body['tool_choice'] as Json | undefined)?.['type'],
    schema: format?.['schema'],
    outputTokensMax: body['max_tokens'],
    streamed: body['stream'] === true,
  };
}

type Assistant = Extract<ToldEntry, { role: 'assistant' }>;

function byResponses(body: Json): Told {
  const imageOf = (part: Json): string | undefined => (typeof part['image_url'] === 'string' ? part['image_url'] : undefined);
  const parts = (content: unknown): Parts => partsOf(content, ['input_text', 'output_text'], imageOf);
  const entries: ToldEntry[] = [];
  const assistant = (more: (turn: Assistant) => Assistant, begins: boolean): void => {
    const last = entries.at(-1);
    if (last?.role === 'assistant' && !begins) entries[entries.length - 1] = more(last);
    else entries.push(more({ role: 'assistant', text: '', calls: [] }));
  };
  for (const item of body['input'] as Json[]) {
    switch (item['type']) {
      case 'message': {
        const said = parts(item['content']);
        if (item['role'] === 'system') entries.push({ role: 'system', text: said.text });
        else if (item['role'] === 'user') entries.push({ role: 'user', ...said });
        else assistant((turn) => ({ ...turn, text: said.text }), false);
        break;
      }
      case 'reasoning': {
        const { encrypted_content: proof } = item;
        const thinking = (item['summary'] as Json[]).map(({ text }) => text).join('');
        assistant((turn) => ({ ...turn, thinking, ...(typeof proof === 'string' ? { proof } : {}) }), true);
        break;
      }
      case 'function_call':
        assistant((turn) => ({ ...turn, calls: [...turn.calls, { id: String(item['call_id']), name: String(item['name']), argumentsText: String(item['arguments']) }] }), false);
        break;
      case 'function_call_output':
        entries.push({ role: 'tool', id: String(item['call_id']), ...parts(item['output']) });
        break;
      default:
        throw new Error(`no item that was to be sent: ${String(item['type'])}`);
    }
  }
  must(body['instructions'] === undefined, 'the system stands in the input');
  return {
    entries,
    tools: ((body['tools'] ?? []) as Json[]).map(({ name, description, parameters }) => ({ name, description, parameters })),
    toolChoice: body['tool_choice'],
    schema: (body['text'] as { format: Json } | undefined)?.format['schema'],
    outputTokensMax: body['max_output_tokens'],
    streamed: body['stream'] === true,
  };
}
