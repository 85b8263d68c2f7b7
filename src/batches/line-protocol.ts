import type { Caller } from '../access/caller.ts';
import type { Fault } from '../base/fault.ts';
import type { JsonObject } from '../base/json.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { CallEnd } from '../gateway/gateway.ts';
import type { CommitPart } from '../storage/commit-part.ts';

/** A line's body, understood. */
export interface DecodedLine {
  /** Not to be streamed. */
  readonly request: DialogueRequest;
  /** The body of the reply, and what is to be kept of it in the commit that keeps the line. */
  encode(end: CallEnd & { readonly reply: DialogueReply }): { readonly body: JsonObject; readonly kept?: CommitPart };
}

/** A protocol as it is spoken at the path that the lines of a batch are for. */
export interface LineProtocol {
  /** The path of the endpoint, for the record. */
  readonly surface: string;
  /** Throws the fault that a request with this body would be answered with there. */
  decode(caller: Caller, body: JsonObject): DecodedLine | Promise<DecodedLine>;
  /** A fault as it would be answered with there. */
  encodeFault(fault: Fault, requestId: string): { readonly status: number; readonly body: JsonObject };
}

/** The protocols that lines can be written in. */
export interface LineProtocols {
  /** That of an endpoint as callers name it; undefined: no batch can be made for it. */
  of(endpoint: string): LineProtocol | undefined;
  /** Whether `url`, as a line names it, means the batch's endpoint. */
  isSame(url: string, endpoint: string): boolean;
  /** Those that can be named, for a refusal. */
  readonly endpoints: readonly string[];
  /** Parses JSON that may be hostile. Throws `invalid_request`. */
  parseJson(bytes: Buffer): unknown;
}
