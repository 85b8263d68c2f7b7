import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Fault } from '../../base/fault.ts';
import type { TenantScope } from '../../base/tenant-scope.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { ThinkingSeals } from '../../dialogue/thinking-seal.ts';
import { modelNotFound } from '../../routing/plan.ts';
import { encodeMessagesStreamError } from '../../wire/anthropic-messages/error-encode.ts';
import type { MessagesStyle } from '../../wire/anthropic-messages/messages-style.ts';
import { encodeMessagesReply } from '../../wire/anthropic-messages/reply-encode.ts';
import type { MessageScene, MessagesVersion } from '../../wire/anthropic-messages/message-scene.ts';
import { decodeCountTokensRequest, decodeMessagesRequest } from '../../wire/anthropic-messages/request-decode.ts';
import { messagesPing, MessagesStreamEncoder } from '../../wire/anthropic-messages/stream-encode.ts';
import { encodeTokenCount } from '../../wire/anthropic-messages/token-count.ts';
import { callerOf } from '../authentication.ts';
import { answerGeneration, type GenerationDeps } from '../generation-exchange.ts';
import { leavingSignal } from '../leaving-signal.ts';
import { messagesBasePaths } from '../protocol-of-path.ts';
import type { ReplyWriter } from '../reply-writer.ts';

export interface MessagesDeps extends GenerationDeps {
  sealsOf(tenantId: string): ThinkingSeals;
  /** Canonical id of the model that a name means. */
  modelIdOf(name: string): string | undefined;
  /** The best figure there is for the tokens of a prompt, with what its files say. */
  estimatePrompt(scope: TenantScope, request: DialogueRequest, modelId: string, signal?: AbortSignal): Promise<number>;
}

/** Versions of the protocol that clients in use send (responses-ark-anthropic-batch.md 3.1); the first is meant where none is sent. */
const versions: readonly MessagesVersion[] = ['2023-06-01', '2026-10-21'];

/** Where Anthropic's SDKs look for the id of a request (responses-ark-anthropic-batch.md 3.5). */
const requestIdHeader = 'request-id';

/** `POST {base}/messages`, streamed and whole, and `POST {base}/messages/count_tokens`, under every path that Anthropic's clients are given. */
export function registerMessages(app: FastifyInstance, deps: MessagesDeps): void {
  for (const base of messagesBasePaths) {
    const surface = `${base}/messages`;
    app.post(surface, (httpRequest, reply) => {
      reply.header(requestIdHeader, httpRequest.id);
      const { request, style } = decodeMessagesRequest(httpRequest.body, optionsOf(httpRequest, deps));
      return answerGeneration(httpRequest, reply, deps, { surface, request, writer: messagesWriter(style, httpRequest.id) });
    });
    app.post(`${surface}/count_tokens`, async (httpRequest, reply) => {
      reply.header(requestIdHeader, httpRequest.id);
      const request = decodeCountTokensRequest(httpRequest.body, optionsOf(httpRequest, deps));
      const modelId = deps.modelIdOf(request.model);
      if (modelId === undefined) throw modelNotFound(request.model);
      return encodeTokenCount(await deps.estimatePrompt(callerOf(httpRequest), request, modelId, leavingSignal(reply)));
    });
  }
}

function optionsOf(httpRequest: FastifyRequest, deps: MessagesDeps): MessageScene {
  return { seals: deps.sealsOf(callerOf(httpRequest).tenantId), version: versionOf(httpRequest) };
}

function versionOf(httpRequest: FastifyRequest): MessagesVersion {
  const header = httpRequest.headers['anthropic-version'];
  const version = header === undefined ? versions[0] : versions.find((known) => known === header);
  if (version !== undefined) return version;
  throw new Fault('invalid_request', {
    message: `anthropic-version: this is not a version that is spoken here; send ${versions.join(' or ')}`,
    field: 'anthropic-version',
  });
}

function messagesWriter(style: MessagesStyle, requestId: string): ReplyWriter {
  const encoder = new MessagesStreamEncoder(style);
  return {
    keepAlive: messagesPing,
    headers: { [requestIdHeader]: requestId },
    encode: (batches) => encoder.encode(batches),
    finish: () => encoder.end(),
    fail: (fault) => encodeMessagesStreamError(fault, requestId),
    whole: ({ reply }) => encodeMessagesReply(reply, style),
  };
}
