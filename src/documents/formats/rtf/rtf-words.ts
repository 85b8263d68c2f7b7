/** Control words that stand for characters (RTF specification 1.9.1, "Special Characters"). */
export const rtfCharacters: ReadonlyMap<string, string> = new Map([
  ['tab', '\t'], ['line', '\n'], ['lbr', '\n'], ['emdash', '—'], ['endash', '–'], ['lquote', '‘'], ['rquote', '’'], ['ldblquote', '“'], ['rdblquote', '”'],
  ['bullet', '•'], ['emspace', ' '], ['enspace', ' '], ['qmspace', ' '], ['zwnj', '\u200c'], ['zwj', '\u200d'], ['column', '\n'],
]);

/** Destinations that hold no text of the document. */
export const rtfSkipped: ReadonlySet<string> = new Set([
  'colortbl', 'filetbl', 'revtbl', 'rsidtbl', 'listtable', 'listoverridetable', 'pict', 'objdata', 'objclass', 'objname', 'themedata', 'colorschememapping',
  'latentstyles', 'datastore', 'generator', 'xmlnstbl', 'nonshppict', 'shppict', 'shprslt', 'sp', 'template', 'mmathPr', 'mmathPict', 'pnseclvl', 'pn', 'ftnsep',
  'ftnsepc', 'ftncn', 'aftnsep', 'aftnsepc', 'aftncn', 'bkmkstart', 'bkmkend', 'xe', 'tc', 'rxe', 'txe', 'private', 'background', 'formfield', 'ffname', 'ffdeftext',
  'datafield', 'docvar', 'userprops', 'operator', 'author', 'company', 'subject', 'keywords', 'doccomm', 'comment', 'manager', 'category', 'hlinkbase', 'creatim', 'revtim',
  'printim', 'buptim', 'atnid', 'atnref', 'atndate', 'atntime', 'atnparent', 'atrfstart', 'atrfend', 'htmltag', 'mhtmltag', 'htmlbase', 'falt', 'panose', 'fontemb',
  'picprop', 'blipuid', 'pgptbl', 'wgrffmtfilter', 'passwordhash', 'defchp', 'defpap', 'aftnnrlc', 'fldtype', 'tblstyle',
]);

/** Destinations that are marked as passable (`\*`), and hold text all the same. */
export const rtfShown: ReadonlySet<string> = new Set([
  'shpinst', 'shptxt', 'fldinst', 'annotation', 'atnauthor', 'nesttableprops', 'ud', 'footnote', 'moMath', 'moMathPara', 'mmath', 'mr', 'shpgrp', 'dptxbxtext', 'pntext', 'listtext',
]);

/** Destinations that stand at the edge of every page. */
export const rtfMargins: ReadonlyMap<string, 'header' | 'footer'> = new Map([
  ['header', 'header'], ['headerl', 'header'], ['headerr', 'header'], ['headerf', 'header'], ['footer', 'footer'], ['footerl', 'footer'], ['footerr', 'footer'],
  ['footerf', 'footer'],
]);
