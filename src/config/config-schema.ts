import { z } from 'zod';
import { toFault } from '../base/fault.ts';
import { catalogOverridesSchema } from '../catalog/catalog-schema.ts';
import { parseSandboxScript } from '../upstreams/sandbox/sandbox-script.ts';
import { baseUrlProblem, normalBaseUrl } from './base-url.ts';
import { batchesSchema } from './batches-schema.ts';
import { filesSchema } from './files-schema.ts';
import { moneySchema } from './money-schema.ts';
import { limitsSchema } from './limits-schema.ts';
import { protocolNames } from './protocol-endpoints.ts';
import { upstreamKinds } from './upstream-kind.ts';

/** A secret is never written into the file, only named: `${MOONSHOT_API_KEY}`. */
const environmentReference = z
  .string()
  .regex(/^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/, 'expected a reference to an environment variable such as ${MY_KEY}, never the secret itself')
  .describe('Name of the environment variable that holds the secret, as ${NAME}.');

const milliseconds = z.int().min(1).max(86_400_000);

const deadlines = z
  .strictObject({
    connectMs: milliseconds.exactOptional().describe('Until the TCP and TLS handshake is done.'),
    firstByteMs: milliseconds.exactOptional().describe('From the request sent to the first byte of the reply.'),
    idleMs: milliseconds.exactOptional().describe('Between two bytes of a reply.'),
    totalMs: milliseconds.exactOptional().describe('The whole exchange.'),
    batchMs: z.int().min(1).max(2_419_200_000).exactOptional().describe('In place of firstByteMs and totalMs: a call to a batch endpoint (batchModel), which waits there for its turn.'),
  })
  .describe('How long to wait for an upstream, in milliseconds. Each deadline closes the socket.');

const baseUrl = z
  .string()
  .superRefine((text, context) => {
    const problem = baseUrlProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  })
  .transform(normalBaseUrl)
  .meta({ format: 'uri' });

const sandboxScript = z.string().superRefine((text, context) => {
  try {
    parseSandboxScript(text);
  } catch (thrown) {
    context.addIssue({ code: 'custom', message: toFault(thrown).message });
  }
});

const upstream = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'expected lower-case letters, digits and dashes').describe('Your name for it.'),
  kind: z.enum(upstreamKinds).describe('Which dialect it speaks. openai: any other OpenAI-compatible server.'),
  baseUrl: baseUrl.optional().describe('The full base as an SDK takes it: https://api.moonshot.ai/v1'),
  protocols: z
    .array(z.enum(protocolNames))
    .min(1)
    .optional()
    .describe('What it speaks; each request goes by the one that loses least of it. Default: openai-chat; moonshot and kimi-coding also anthropic-messages, ark also openai-responses; and those whose base URL is named.'),
  messagesBaseUrl: baseUrl
    .optional()
    .describe('Where it speaks Anthropic Messages, without the /v1/messages. Default for moonshot: baseUrl with /anthropic in place of /v1, else without the /v1.'),
  responsesBaseUrl: baseUrl.optional().describe('Where it speaks Responses, without the /responses. Default: baseUrl.'),
  apiKey: environmentReference.optional(),
  models: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Ids of the models that it serves. Without it they are asked for at GET {base}/models.'),
  batches: z
    .enum(['native', 'here'])
    .optional()
    .describe("native: it has OpenAI's /files and /batches, and whole batches are handed over to it where its batch rates are cheaper. Default: native for moonshot, else here."),
  deadlines: deadlines.optional(),
});

/** `moongate.yaml`. Every key is optional; an unknown one stops the start. */
export const configSchema = z
  .strictObject({
    server: z
      .strictObject({
        host: z.string().min(1).optional().describe('Address to listen on. Default: 127.0.0.1 and ::1.'),
        port: z.int().min(0).max(65_535).optional().describe('Default 8787; 0 lets the system choose.'),
        bodyBytesMax: z.int().min(1024).max(268_435_456).optional().describe('Largest request body. Default 33554432 (32 MiB).'),
        drainMs: milliseconds.optional().describe('On SIGTERM: how long open requests may go on. Default 30000.'),
      })
      .optional(),
    dataDir: z.string().min(1).optional().describe('Folder of the database and the root secret. Default ./data'),
    tokenizer: z.string().min(1).optional().describe("Path of K2's tiktoken.model; see `moongate tokenizer install`."),
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).optional().describe('Default info.'),
    policy: z
      .strictObject({
        allowUnpriced: z.boolean().optional().describe('Let paying keys use models without a price. Default false.'),
        mapRetired: z.boolean().optional().describe('When a vendor has retired a model, answer with its successor. Default false.'),
      })
      .optional(),
    deadlines: deadlines.optional(),
    upstreams: z.array(upstream).optional().describe('Beside those that the environment switches on; tried in this order, after them.'),
    sandbox: z
      .strictObject({
        tokensPerSecond: z.number().min(0).max(1_000_000).optional().describe('0: as fast as it can. Default 200.'),
        firstTokenMs: z.int().min(0).max(600_000).optional().describe('Default 150.'),
        script: sandboxScript.optional().describe('Behaviour of every call, in the grammar of the X-Moongate-Sandbox header.'),
      })
      .optional()
      .describe('The built-in simulated model.'),
    retention: z
      .strictObject({
        generationsDays: z.int().min(1).max(36_500).optional().describe('How many UTC days before today calls are kept one by one; older ones become sums of their day. Default: for ever.'),
        responsesDays: z.int().min(1).max(36_500).optional().describe('How many days stored responses and conversations are kept after they were last gone on from. Default 30.'),
      })
      .optional()
      .describe('What is kept, and for how long.'),
    reconciliation: z
      .strictObject({
        everyHours: z.int().min(1).max(24).optional().describe("Read Moonshot's balance every so many hours of the UTC day, and at midnight. Default: never."),
      })
      .optional()
      .describe("The upstreams' own figures, to compare recorded costs with."),
    batches: batchesSchema.optional(),
    files: filesSchema.optional(),
    money: moneySchema.optional(),
    limits: limitsSchema.optional(),
    catalog: catalogOverridesSchema.optional().describe('Your own models, offers and prices, added to or in place of the shipped ones.'),
  })
  .describe('Configuration of Moongate.');

export type ConfigFile = z.infer<typeof configSchema>;
