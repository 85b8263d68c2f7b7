/** The edit by which the thinking of earlier turns is dropped, or with `keep: "all"` kept (responses-ark-anthropic-batch.md 3.6). */
export const clearThinking = 'clear_thinking_20251015';
