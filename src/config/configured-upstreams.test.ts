import { describe, expect, it } from 'vitest';
import { type ConfigProblem, parseConfig } from './config-file.ts';
import { configuredUpstreams } from './configured-upstreams.ts';
import { environmentReader } from './environment-reader.ts';

function configured(environment: Readonly<Record<string, string>>, file = '') {
  const problems: ConfigProblem[] = [];
  const found = configuredUpstreams(parseConfig(file, 'moongate.yaml'), environmentReader(environment), problems);
  return { ...found, problems };
}

/** An entry of `upstreams:` as YAML in one line. */
function entry(text: string): string {
  return `upstreams:\n  - { ${text} }\n`;
}

describe('from the environment', () => {
  it('switches upstreams on by their credential, in the order of attempts', () => {
    const { upstreams } = configured({
      OPENROUTER_API_KEY: 'o', MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: 'https://api.moonshot.cn/v1/', VLLM_BASE_URL: 'http://gpu:8000/v1',
    });
    expect(upstreams.map(({ id, baseUrl, apiKey }) => ({ id, baseUrl, apiKey }))).toEqual([
      { id: 'moonshot', baseUrl: 'https://api.moonshot.cn/v1', apiKey: 'm' },
      { id: 'openrouter', baseUrl: undefined, apiKey: 'o' },
      { id: 'vllm', baseUrl: 'http://gpu:8000/v1', apiKey: undefined },
    ]);
  });

  it('knows what they speak and where, by their kind and base URL', () => {
    const { upstreams } = configured({ MOONSHOT_API_KEY: 'm', ARK_API_KEY: 'a', KIMI_CODING_API_KEY: 'k', VLLM_BASE_URL: 'http://gpu:8000/v1' });
    expect(upstreams.map(({ id, endpoints }) => [id, ...endpoints.map(({ protocol, baseUrl }) => `${protocol} ${baseUrl}`)])).toEqual([
      ['moonshot', 'openai-chat https://api.moonshot.ai/v1', 'anthropic-messages https://api.moonshot.ai/anthropic'],
      ['kimi-coding', 'openai-chat https://api.kimi.com/coding/v1', 'anthropic-messages https://api.kimi.com/coding'],
      ['ark', 'openai-chat https://ark.cn-beijing.volces.com/api/v3', 'openai-responses https://ark.cn-beijing.volces.com/api/v3'],
      ['vllm', 'openai-chat http://gpu:8000/v1'],
    ]);
  });

  it('keeps upstreams off whose variable is empty', () => {
    expect(configured({ MOONSHOT_API_KEY: '', ARK_API_KEY: ' ', VLLM_BASE_URL: '' }).upstreams).toEqual([]);
  });

  it.each(['ark.example', 'http://user:very-secret@h/v1', 'https://h/v1#very-secret', 'https://h/v1?key=very-secret'])('refuses the base URL %s, naming the variable', (url) => {
    const { problems } = configured({ ARK_API_KEY: 'a', ARK_BASE_URL: url });
    expect(problems).toEqual([{ source: 'ARK_BASE_URL', message: expect.stringContaining('expected') }]);
    expect(problems[0]?.message).not.toContain('very-secret');
  });
});

describe('from the file', () => {
  it('takes secrets from the environment and says which one is missing', () => {
    const rack = entry('id: rack, kind: vllm, baseUrl: "http://rack:1/v1", apiKey: "${RACK_KEY}"');
    expect(configured({ RACK_KEY: 's3' }, rack).upstreams[0]?.apiKey).toBe('s3');
    expect(configured({}, rack).problems).toEqual([{ source: 'moongate.yaml', line: 2, message: expect.stringContaining('RACK_KEY') }]);
    expect(configured({ RACK_KEY: '' }, rack).problems).toHaveLength(1);
  });

  it('details an upstream of the environment, which keeps its base URL', () => {
    const file = entry('id: moonshot, kind: moonshot, baseUrl: "https://elsewhere/v1", deadlines: { idleMs: 7 }');
    const { upstreams } = configured({ MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: 'https://api.moonshot.ai/v1' }, file);
    expect(upstreams).toMatchObject([{ baseUrl: 'https://api.moonshot.ai/v1', apiKey: 'm', deadlines: { idleMs: 7, connectMs: 5_000 } }]);
  });

  it('says which protocols an upstream speaks, and where', () => {
    const { upstreams } = configured({}, entry('id: gpu, kind: vllm, baseUrl: "http://gpu/v1", protocols: [openai-chat, openai-responses], responsesBaseUrl: "http://gpu:2/v1/"'));
    expect(upstreams[0]?.endpoints).toEqual([
      { protocol: 'openai-chat', baseUrl: 'http://gpu/v1' }, { protocol: 'openai-responses', baseUrl: 'http://gpu:2/v1' },
    ]);
    const { problems } = configured({}, entry('id: gpu, kind: vllm, baseUrl: "http://gpu/v1", protocols: [openai-chat], messagesBaseUrl: "http://gpu"'));
    expect(problems).toEqual([{ source: 'moongate.yaml', line: 2, message: expect.stringMatching(/^upstreams\.0\.messagesBaseUrl: expected anthropic-messages among/) }]);
  });

  it('says who makes batches by itself: Moonshot does, others where it is said', () => {
    const file = entry('id: rack, kind: openai, baseUrl: "http://rack/v1", batches: native');
    const batches = (found: ReturnType<typeof configured>) => found.upstreams.map((one) => `${one.id} ${one.batches}`);
    expect(batches(configured({ MOONSHOT_API_KEY: 'm', ARK_API_KEY: 'a', KIMI_CODING_API_KEY: 'k' }, file))).toEqual([
      'moonshot native', 'kimi-coding here', 'ark here', 'rack native',
    ]);
    expect(batches(configured({ MOONSHOT_API_KEY: 'm' }, entry('id: moonshot, kind: moonshot, batches: here')))).toEqual(['moonshot here']);
  });

  it('leaves a vendor off that is only detailed, and says by what it is switched on', () => {
    const found = configured({}, entry('id: moonshot, kind: moonshot, deadlines: { idleMs: 7 }'));
    expect(found).toEqual({ upstreams: [], switchedOff: [{ id: 'moonshot', variable: 'MOONSHOT_API_KEY' }], problems: [] });
  });

  it('switches a vendor on by a key of its own name', () => {
    const file = entry('id: moonshot, kind: moonshot, apiKey: "${MY_KEY}"');
    const { upstreams, switchedOff } = configured({ MY_KEY: 'm', MOONSHOT_BASE_URL: 'https://api.moonshot.cn/v1' }, file);
    expect(upstreams).toMatchObject([{ id: 'moonshot', apiKey: 'm', baseUrl: 'https://api.moonshot.cn/v1' }]);
    expect(switchedOff).toEqual([]);
  });

  it.each(['moonshot', 'ark', 'cometapi', 'routerai', 'openrouter'])('wants a key for a second account at %s, whose own is not lent to it', (kind) => {
    const { problems } = configured({ [`${kind.toUpperCase()}_API_KEY`]: 'first' }, entry(`id: second, kind: ${kind}`));
    expect(problems).toEqual([{ source: 'moongate.yaml', line: 2, message: expect.stringMatching(/^upstreams\.0\.apiKey: expected .*\$\{\w+\}/) }]);
    expect(configured({ OTHER: 'second' }, entry(`id: second, kind: ${kind}, apiKey: "\${OTHER}"`)).upstreams).toMatchObject([{ id: 'second', kind, apiKey: 'second' }]);
  });

  it.each([
    ['moonshot', 'openai'],
    ['ark', 'moonshot'],
    ['vllm', 'openai'],
    ['openai', 'vllm'],
  ])('refuses the id %s for the kind %s, and hands it no key', (id, kind) => {
    const { upstreams, problems } = configured({ MOONSHOT_API_KEY: 'm', ARK_API_KEY: 'a' }, entry(`id: ${id}, kind: ${kind}, baseUrl: "http://h/v1"`));
    expect(problems).toEqual([{ source: 'moongate.yaml', line: 2, message: expect.stringMatching(/^upstreams\.0\.id: expected another id/) }]);
    expect(upstreams.filter((one) => one.kind !== one.id)).toEqual([]);
  });

  it('keeps the id of the sandbox for the sandbox', () => {
    const { problems } = configured({}, entry('id: sandbox, kind: openai, baseUrl: "http://h/v1"'));
    expect(problems).toEqual([{ source: 'moongate.yaml', line: 2, message: expect.stringMatching(/^upstreams\.0\.id: expected another id.*sandbox/) }]);
  });

  it('does not lend OPENAI_API_KEY to whatever is called openai', () => {
    const file = entry('id: openai, kind: openai, baseUrl: "http://h/v1"');
    expect(configured({ OPENAI_API_KEY: 'not for you', OPENAI_BASE_URL: 'http://elsewhere/v1' }, file).upstreams).toMatchObject([{ baseUrl: 'http://h/v1' }]);
    expect(configured({ OPENAI_API_KEY: 'not for you' }, file).upstreams[0]).not.toHaveProperty('apiKey');
  });
});
