const oasis = 'urn:oasis:names:tc:opendocument:xmlns:';

/** The namespaces of OpenDocument 1.3 (part 3, 1.4) that readers ask for, by the prefixes that they ask by. */
export const odfNamespaces: Readonly<Record<string, string>> = {
  [`${oasis}office:1.0`]: 'office', [`${oasis}text:1.0`]: 'text', [`${oasis}table:1.0`]: 'table', [`${oasis}drawing:1.0`]: 'draw',
  [`${oasis}style:1.0`]: 'style', [`${oasis}presentation:1.0`]: 'presentation', [`${oasis}svg-compatible:1.0`]: 'svg', [`${oasis}chart:1.0`]: 'chart',
  [`${oasis}meta:1.0`]: 'meta', [`${oasis}manifest:1.0`]: 'manifest', 'http://www.w3.org/1999/xlink': 'xlink', 'http://purl.org/dc/elements/1.1/': 'dc',
  'http://www.w3.org/1998/Math/MathML': 'math',
};
