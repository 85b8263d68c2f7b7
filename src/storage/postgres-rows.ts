import type { FieldDef, QueryArrayResult } from 'pg';

type ReadValue = (text: string) => unknown;

const oid = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, float4: 700, float8: 701, numeric: 1700 } as const;

const integerForm = /^-?\d+$/;
/** What a sum or an average of whole numbers looks like as NUMERIC. */
const wholeNumericForm = /^(-?\d+)(?:\.0*)?$/;

/**
 * The rows of a result whose values are still text, in the house's form: columns named `…_nanos` as bigint, other
 * integers as safe numbers, booleans as 0/1, bytes as `Uint8Array`, fractions as numbers, all else as text. Throws
 * `RangeError` for an integer that a number cannot hold.
 */
export function rowsOf<Row>(result: QueryArrayResult<(string | null)[]>): Row[] {
  const columns = result.fields.map((field) => ({ name: field.name, read: readerOf(field) }));
  const rows: unknown[] = result.rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index += 1) {
      const { name, read } = columns[index] as { name: string; read: ReadValue };
      const text = values[index] ?? null;
      row[name] = text === null ? null : read(text);
    }
    return row;
  });
  return rows as Row[];
}

function readerOf({ name, dataTypeID }: FieldDef): ReadValue {
  switch (dataTypeID) {
    case oid.int2:
    case oid.int4:
    case oid.int8:
    case oid.numeric:
      return name.endsWith('_nanos') ? (text) => nanosOf(text, name) : (text) => numberOf(text, name);
    case oid.float4:
    case oid.float8:
      return Number;
    case oid.bool:
      return (text) => (text === 't' ? 1 : 0);
    case oid.bytea:
      return (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'));
    default:
      return (text) => text;
  }
}

/** SUM over BIGINT is NUMERIC, so that it may be larger than 64 bits, and AVG has decimals. */
function nanosOf(text: string, name: string): bigint {
  const whole = wholeNumericForm.exec(text)?.[1];
  if (whole === undefined) throw new RangeError(`column ${name} holds nanos that are not whole`);
  return BigInt(whole);
}

function numberOf(text: string, name: string): number {
  const number = Number(text);
  if (integerForm.test(text) && !Number.isSafeInteger(number)) throw new RangeError(`column ${name} holds an integer that is not safe as a number`);
  return number;
}
