/**
 * The id of a tool call that its upstream gave none, or an empty one. Made of the reply's id, so that it is unique in a
 * conversation and the same each time the same reply is read.
 */
export function missingCallId(replyId: string, index: number): string {
  const owner = replyId.replace(/[^A-Za-z0-9]/g, '').slice(-24);
  return `toolu_${owner}${owner === '' ? '' : '_'}${index}`;
}
