const form = /^[a-z0-9_-]+(\/[a-z0-9_-]+)*$/;

/** `key`, if it has the form of one: what comes from a caller cannot lead anywhere else. Throws `RangeError`. */
export function checkedBlobKey(key: string): string {
  if (!form.test(key)) throw new RangeError('a blob key consists of segments of a-z, 0-9, _ and -');
  return key;
}
