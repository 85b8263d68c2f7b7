const transitional = 'http://schemas.openxmlformats.org/';
const strict = 'http://purl.oclc.org/ooxml/';

/** Prefixes by the two namespaces that each part of Office Open XML has: transitional, and strict (ECMA-376, part 4). */
function both(prefix: string, path: string, strictPath = path.replace('/2006', '')): [string, string][] {
  return [[transitional + path, prefix], [strict + strictPath, prefix]];
}

/** The namespaces of Office Open XML that readers ask for, by the prefixes that they ask by. */
export const ooxmlNamespaces: Readonly<Record<string, string>> = Object.fromEntries([
  ...both('w', 'wordprocessingml/2006/main'),
  ...both('', 'spreadsheetml/2006/main'),
  ...both('p', 'presentationml/2006/main'),
  ...both('a', 'drawingml/2006/main'),
  ...both('c', 'drawingml/2006/chart'),
  ...both('dgm', 'drawingml/2006/diagram'),
  ...both('xdr', 'drawingml/2006/spreadsheetDrawing'),
  ...both('wp', 'drawingml/2006/wordprocessingDrawing'),
  ...both('m', 'officeDocument/2006/math'),
  ...both('r', 'officeDocument/2006/relationships'),
  [`${transitional}package/2006/relationships`, ''],
  ['http://schemas.openxmlformats.org/markup-compatibility/2006', 'mc'],
  ['http://purl.org/dc/elements/1.1/', 'dc'],
  ['urn:schemas-microsoft-com:vml', 'v'],
  ['http://schemas.microsoft.com/office/word/2010/wordml', 'w14'],
]);
