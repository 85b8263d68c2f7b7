import type { MessagesDialect } from '../../src/wire/anthropic-messages/messages-dialect.ts';

/** A place that takes all that the Messages protocol has. */
export const fullMessagesDialect: MessagesDialect = {
  thinkingTypes: ['enabled', 'adaptive', 'between_tools', 'disabled'],
  thinkingBudget: true,
  efforts: ['low', 'high', 'max'],
  contextManagement: true,
  thinkingBesideCalls: false,
  jsonSchema: true,
  namedToolChoice: true,
  parallelSwitch: true,
  temperatureMax: 1,
  stopMax: 8,
  systemMessages: true,
  prefill: true,
  documents: true,
  imageUrlSchemes: ['https:', 'ms:'],
  metadata: true,
  fieldsRefused: [],
  toolFieldsRefused: [],
  blocksRefused: [],
  moonshotRules: false,
};
