import type { JsonObject } from '../../base/json.ts';
import { numberOr } from './schema-keywords.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How far beyond a lone bound a number may lie. */
const span = 10;

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly minExcluded: boolean;
  readonly maxExcluded: boolean;
}

/**
 * A number within a schema's bounds, or undefined when there is none.
 * @param spoken Numbers that the user named; the first that fits is used and taken out.
 */
export function sampleNumber(
  schema: JsonObject,
  integer: boolean,
  spoken: number[],
  random: SeededRandom,
): number | undefined {
  const bounds = boundsOf(schema);
  const step = stepOf(numberOr(schema.multipleOf, 0), integer);
  const fits = (value: number): boolean => within(value, bounds) && (step === 0 || value % step === 0);
  const said = spoken.findIndex(fits);
  if (said >= 0) return spoken.splice(said, 1)[0];
  const min = Number.isFinite(bounds.min) ? bounds.min : Number.isFinite(bounds.max) ? bounds.max - span : 0;
  const max = Math.min(bounds.max, Math.max(min + span, min + step * span));
  if (step === 0) return fraction(min, max, bounds, random);
  const first = Math.ceil(min / step);
  const last = Math.floor(max / step);
  for (let turn = 0; turn < 8 && first <= last; turn += 1) {
    const value = Number((random.between(first, last) * step).toPrecision(15));
    if (within(value, bounds)) return value;
  }
  const edges = [first, first + 1, last - 1].map((count) => Number((count * step).toPrecision(15)));
  return edges.find((value) => within(value, bounds));
}

/** Of bounds given both ways the stricter counts; in draft 4 `exclusiveMinimum: true` speaks of `minimum`. */
function boundsOf(schema: JsonObject): Bounds {
  const minimum = numberOr(schema.minimum, -Infinity);
  const maximum = numberOr(schema.maximum, Infinity);
  const above = numberOr(schema.exclusiveMinimum, schema.exclusiveMinimum === true ? minimum : -Infinity);
  const below = numberOr(schema.exclusiveMaximum, schema.exclusiveMaximum === true ? maximum : Infinity);
  return {
    min: Math.max(minimum, above),
    max: Math.min(maximum, below),
    minExcluded: above >= minimum && Number.isFinite(above),
    maxExcluded: below <= maximum && Number.isFinite(below),
  };
}

function within(value: number, bounds: Bounds): boolean {
  const aboveMin = bounds.minExcluded ? value > bounds.min : value >= bounds.min;
  return aboveMin && (bounds.maxExcluded ? value < bounds.max : value <= bounds.max);
}

function fraction(min: number, max: number, bounds: Bounds, random: SeededRandom): number | undefined {
  const value = min + (max - min) * random.fraction();
  // Whole where it may be: many tools say `number` and mean a count.
  return [Math.round(value), Number(value.toFixed(2)), value, min + (max - min) / 2, min].find((candidate) => within(candidate, bounds));
}

/** The distance between allowed numbers; 0 when any will do. */
function stepOf(multipleOf: number, integer: boolean): number {
  if (multipleOf <= 0) return integer ? 1 : 0;
  return integer && !Number.isInteger(multipleOf) ? integerStep(multipleOf) : multipleOf;
}

/** The smallest whole multiple of a fraction such as 0.25, found among the first hundred. */
function integerStep(multipleOf: number): number {
  for (let count = 1; count <= 100; count += 1) {
    const value = Number((count * multipleOf).toPrecision(12));
    if (Number.isInteger(value)) return value;
  }
  return 1;
}
