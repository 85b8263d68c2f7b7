import type { ThinkingSeals } from '../../dialogue/thinking-seal.ts';
import type { ResponseSettings } from './response-settings.ts';
import type { ResponsesVendor } from './responses-fault.ts';
import type { ToolForms } from './tool-forms.ts';

/** One response, as it is to be dressed. */
export interface ResponsesStyle {
  readonly vendor: ResponsesVendor;
  /** `resp_…` */
  readonly responseId: string;
  readonly createdS: number;
  /** As the caller named it. */
  readonly model: string;
  readonly settings: ResponseSettings;
  readonly seals: ThinkingSeals;
  /** `include` has `reasoning.encrypted_content`. */
  readonly includeEncrypted: boolean;
  readonly toolForms: ToolForms;
  /** A new id with that prefix, the underscore not in it. */
  newId(prefix: string): string;
  nowS(): number;
  /** Padding to send with a delta, to hide its length (`stream_options.include_obfuscation`). */
  obfuscate?(delta: string): string;
  /** Told of each event as it is written: `json` is its data. For what is stored to be replayed, and for sockets. */
  onEvent?(sequenceNumber: number, type: string, json: string): void;
}
