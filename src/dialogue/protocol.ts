/** The protocols that are spoken on either side. The names of the folders of `wire/`, and of the rows of `Extensions`. */
export type Protocol = 'openai-chat' | 'anthropic-messages' | 'openai-responses';
