const bytesMax = 2048;

/** Keys and account ids as vendors write them: `sk-…`, `ak-…`, `org-…`, bearer tokens. Words such as `org-wide` are spared. */
const secrets = /\b(sk|ak|org|proj|ep)-[A-Za-z0-9_*.-]{6,}|\b(Bearer) +[A-Za-z0-9_.~+/=-]{8,}/gi;

/**
 * A foreign server's text, fit to be shown: keys and account ids masked, control characters gone, at most 2 KiB of UTF-8.
 */
export function scrubbedText(text: string): string {
  // Masked before it is cut, lest half a key be left that no pattern knows; and cut before that, lest a pattern run long.
  const masked = text
    .slice(0, 4 * bytesMax)
    .replace(secrets, (_match, prefix: string | undefined) => (prefix === undefined ? 'Bearer …' : `${prefix}-…`))
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .trim();
  const bytes = Buffer.from(masked);
  if (bytes.length <= bytesMax) return masked;
  let end = bytesMax - 3;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}…`;
}
