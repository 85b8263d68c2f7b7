import { isFrequentHan, isFrequentHangul } from './cjk-frequency.ts';

/** Letters beyond ASCII by how often languages write them; what is in none of these is rare in any. */
const frequentLetters: Readonly<Record<string, number>> = {
  // Russian, Ukrainian, Bulgarian, Serbian.
  'оеаинтсрвл': 1.15,
  'кмдпуяыьгзб': 1,
  'йчхжшюц': 0.7,
  'щэфъёіїєґў': 0.5,
  'јњљђћџѓќѕ': -0.2,
  // Western Europe, and what it quotes with.
  'éèàáíóúäöüñçåøæêâôîûïëãõßÉÄÖÜÅØ': 1,
  '“”‘’„–—…«»°€£§·×©®¡¿ºª': 0.6,
  // Central Europe, Turkey, the Baltic.
  'ąćęłńśźżčďěňřšťůžőűĺľŕăâîșțşţđĄĆĘŁŚŻČŘŠŽ': 0.95,
  'ğışİŞ': 0.9,
  'āēģīķļņūŗėįųĀĒĪŪĖ': 0.85,
  // Greek, Hebrew, Arabic, Thai.
  'αειονσςτκλμπρυδγωηθχφβάέήίόύώξζψ': 1,
  'יוהלאמשרתנבם': 1.25,
  'גדזחטכסעפצקןךףץ': 0.9,
  'ابتثجحخدذرزسشصضطظعغفقكلمنهويةىأإآءئؤ،': 1,
  'กขคงจชซญดตถทธนบปผพฟภมยรลวศสหอะาิีึืุูเแโใไ่้็์ั': 1,
};

/** Letters with marks, language by language: a text has those of one, not some of this and some of that. */
const alphabets = [
  'äöüßéà', 'àâæçéèêëîïôœùûüÿ', 'áéíñóúüª', 'áâãàçéêíóôõúüº', 'àèéìíîòóùú', 'åäöéü', 'æøåéèêóôä', 'áðéíóúýþæö', 'éëïóöüèê', 'àçéèíïóòúü', 'ąćęłńóśźż', 'áčďéěíňóřšťúůýžľĺŕôäö', 'áéíóöőúüű',
  'ăâîșțşţ', 'čćđšž', 'çğıöşüâîû', 'ąčęėįšųūž', 'āčēģīķļņšūžō', 'äöõüšž', 'ëç',
].map((letters) => new Set(letters));

const letterWeights = new Map(Object.entries(frequentLetters).flatMap(([letters, weight]) => Array.from(letters, (letter) => [letter, weight] as const)));

const capitalShare = 0.7;
/** From so many characters of two bytes on, there is no doubt that they are meant. */
const wideSure = 4;

const scripts = ['Latin', 'Cyrillic', 'Greek', 'Hebrew', 'Arabic', 'Thai', 'Han', 'Hiragana', 'Katakana', 'Hangul'] as const;
const scriptPatterns = scripts.map((name) => ({ name, pattern: new RegExp(`\\p{Script=${name}}`, 'u') }));

/** For each character of the first plane at most once. */
const scriptCache = new Map<string, string>();

function scriptOf(character: string): string {
  const cached = scriptCache.get(character);
  if (cached !== undefined) return cached;
  const found = /\p{L}|\p{M}/u.test(character) ? (scriptPatterns.find(({ pattern }) => pattern.test(character))?.name ?? 'Other') : '';
  if (scriptCache.size < 100_000) scriptCache.set(character, found);
  return found;
}

const isUpper = (character: string): boolean => character !== character.toLowerCase();
const isLower = (character: string): boolean => character !== character.toUpperCase();

/**
 * How much a decoded text looks like a language, per byte that is not ASCII or thereabouts: about 1 for a text, below 0 for noise.
 * Looks at the letters, at their case within words, and at what stands beside them. `encoding` is what it was decoded from.
 */
export function textScore(text: string, encoding: string): number {
  const isJapanese = /^(shift_jis|euc-jp|utf-16)/.test(encoding);
  let wide = 0;
  const characters = Array.from(text);
  let score = 0;
  let weight = 0;
  for (const [at, character] of characters.entries()) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) continue;
    // A character of two bytes counts for two, so that encodings of one and of two are measured alike.
    const size = point >= 0x1100 && point < 0xfb00 ? 2 : 1;
    wide += size - 1;
    weight += size;
    score += size * characterScore(character, point, characters[at - 1] ?? ' ', characters[at + 1] ?? ' ', isJapanese);
  }
  if (weight === 0) return 0.1;
  // One or two characters of a large set are met by chance.
  return score / weight + alphabetScore(characters) - (wide > 0 && wide < wideSure ? 0.2 : 0);
}

/** How well one language covers the letters with marks, from -0.8 up to 0.3. */
function alphabetScore(characters: readonly string[]): number {
  const letters = characters.filter((one) => one >= '\u00c0' && scriptOf(one) === 'Latin').map((one) => (one === 'İ' ? 'ı' : one.toLowerCase()));
  if (letters.length === 0) return 0;
  const covered = Math.max(...alphabets.map((alphabet) => letters.filter((one) => alphabet.has(one)).length)) / letters.length;
  return covered === 1 ? 0.3 : (covered - 1) * 0.8;
}

function characterScore(character: string, point: number, before: string, after: string, isJapanese: boolean): number {
  if (point < 0xa0 || point === 0xfffd || /[\p{Co}\p{Cn}\p{Cc}]/u.test(character)) return -4;
  const script = scriptOf(character);
  if (script === 'Han') return isFrequentHan(character) ? 1.6 : 0.25;
  if (script === 'Hiragana') return isJapanese ? 1.3 : 0.2;
  if (script === 'Katakana') return point >= 0xff60 && point < 0xffa0 ? -0.5 : isJapanese ? 1 : 0.2;
  if (script === 'Hangul') return point < 0xac00 || point > 0xd7a3 ? -1 : isFrequentHangul(character) ? 1.4 : 0.4;
  if (script === '') return symbolScore(character, before, after);
  if (script === 'Other') return -0.5;
  return letterScore(character, script, before, after);
}

/** A mark between two letters is none; CJK punctuation is as good as a letter. */
function symbolScore(character: string, before: string, after: string): number {
  if (/[\u3000-\u303f\uff01-\uff5e]/.test(character)) return 1;
  if (/[\u2500-\u259f]/.test(character)) return -0.3;
  const inside = scriptOf(before) !== '' && scriptOf(after) !== '';
  const known = letterWeights.get(character);
  if (inside && character !== '’' && character !== '·' && character !== '–') return -1.5;
  return known ?? (character === '\u00a0' || character === '№' ? 0.4 : -0.6);
}

function letterScore(character: string, script: string, before: string, after: string): number {
  const small = letterWeights.get(character.toLowerCase()) ?? 0.05;
  // What has capitals throughout is mostly another alphabet, or the same one with its cases exchanged.
  let score = letterWeights.get(character) ?? small * capitalShare;
  // Capitals begin words or are among their like.
  if (isUpper(character) && isLower(before) && scriptOf(before) !== '') score -= 1.5;
  else if (isUpper(character) && isLower(after) && scriptOf(before) !== '' && isUpper(before)) score -= 0.8;
  // Nobody mixes alphabets within a word.
  for (const neighbour of [before, after]) {
    const other = scriptOf(neighbour);
    if (other !== '' && other !== script) score -= 1;
  }
  // Spanish has no word with this before anything but a vowel.
  if (character === 'ñ' && !/[aeiouáéíóú]/i.test(after)) score -= 0.6;
  // Two letters with marks side by side are usual outside Latin only.
  if (script === 'Latin' && [before, after].some((one) => (one.codePointAt(0) ?? 0) >= 0xc0 && scriptOf(one) === 'Latin')) score -= 0.5;
  return score;
}
