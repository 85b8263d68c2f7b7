import { textPieces } from '../../base/text-pieces.ts';

/** A text of more units is made JSON in pieces. */
const longUnits = 65_536;

/** Whether an answer holds a text, at its top, that would hold up the server if it were made JSON at once. */
export function holdsLongText(answer: object): boolean {
  return Object.values(answer).some(isLong);
}

/** An answer as JSON, its long texts in pieces. */
export function* jsonPieces(answer: object): Generator<Buffer, void> {
  let before = '{';
  for (const [name, value] of Object.entries(answer)) {
    const head = `${before}${JSON.stringify(name)}:`;
    before = ',';
    if (isLong(value)) {
      yield Buffer.from(`${head}"`);
      for (const piece of textPieces(value)) yield Buffer.from(JSON.stringify(piece).slice(1, -1));
      yield Buffer.from('"');
    } else {
      yield Buffer.from(`${head}${JSON.stringify(value)}`);
    }
  }
  yield Buffer.from('}');
}

function isLong(value: unknown): value is string {
  return typeof value === 'string' && value.length > longUnits;
}
