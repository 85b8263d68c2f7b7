/** What other protocols' replies are called. */
const foreignPrefix = /^(chatcmpl|cmpl|gen|resp)[-_]/;

/** A reply's id as a message's: itself if it is one, else made of it, so that the same reply has the same id each time. */
export function messageId(replyId: string): string {
  if (/^msg_[\w-]+$/.test(replyId)) return replyId;
  return `msg_${replyId.replace(foreignPrefix, '').replace(/[^A-Za-z0-9]/g, '') || '0'}`;
}
