/** What is made of what. LibreOffice starts from pandoc's DOCX of a text, or from a file of the corpus (`<source>.<from>`). */
export const conversions = {
  pandoc: [
    ['tide-tables', 'docx'], ['tea-road', 'docx'], ['gateway-notes', 'docx'], ['winter-garden', 'odt'], ['tea-road', 'rtf'], ['four-desks', 'rtf'], ['newsletter', 'epub'],
    ['bakery', 'epub'], ['gateway-notes', 'html'], ['library-night', 'html'],
  ],
  libreOffice: [
    ['winter-garden', 'docx', 'docx'], ['library-night', 'docx', 'docx'], ['tide-tables', 'docx', 'odt'], ['four-desks', 'docx', 'odt'], ['library-night', 'docx', 'doc'],
    ['winter-garden', 'docx', 'doc'], ['tea-road', 'docx', 'doc'], ['steppe-letter', 'docx', 'rtf'], ['bakery', 'docx', 'rtf'], ['tide-tables', 'docx', 'pdf'], ['library-night', 'python-docx.docx', 'pdf'],
    ['tea-road', 'docx', 'pdf'], ['bakery', 'docx', 'pdf'], ['allotments', 'xlsxwriter.xlsx', 'xlsx'], ['allotments', 'xlsxwriter.xlsx', 'ods'], ['kiosk', 'openpyxl.xlsx', 'ods'],
    ['tea-stock', 'xlsxwriter.xlsx', 'xls'], ['allotments', 'xlsxwriter.xlsx', 'xls'], ['night-market', 'python-pptx.pptx', 'pptx'], ['night-market', 'python-pptx.pptx', 'odp'],
    ['clockmakers', 'python-pptx.pptx', 'ppt'], ['polar-school', 'odfpy.odp', 'ppt'], ['clockmakers', 'python-pptx.pptx', 'pdf'],
  ],
} as const satisfies {
  readonly pandoc: readonly (readonly [source: string, format: string])[];
  readonly libreOffice: readonly (readonly [source: string, from: string, format: string])[];
};

/** Pages that Chromium prints, and what the PDF is called. */
export const printed: readonly (readonly [page: string, name: string])[] = [
  ['tide-tables', 'tide-tables.chromium'], ['library-night', 'library-night.chromium'], ['tea-road', 'tea-road.chromium'], ['newsletter.two-columns', 'newsletter.chromium-columns'],
  ['ledger-of-trees', 'ledger-of-trees.chromium'], ['island-ferry', 'island-ferry.chromium'], ['four-desks', 'four-desks.chromium'],
];

/** PDFs that qpdf writes anew: turned pages, compressed object streams, a password that only its owner needs. */
export const writtenAnew: readonly (readonly [from: string, to: string, args: readonly string[]])[] = [
  ['tide-tables.chromium', 'tide-tables.qpdf-rotated', ['--rotate=+90']],
  ['library-night.libreoffice', 'library-night.qpdf-object-streams', ['--object-streams=generate', '--linearize']],
  ['bakery.libreoffice', 'bakery.qpdf-owner-password', ['--encrypt', '', 'owner', '256', '--print=none', '--extract=n', '--']],
];
