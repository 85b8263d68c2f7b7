import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { PictureReader } from './format-reader.ts';

/** Where tesseract is, and what it has learned to read. */
export interface OcrProgram {
  /** Program and arguments that run it; what it is to do follows. */
  readonly command: readonly [string, ...string[]];
  /** Names of its language packs: `eng`, `rus`, `chi_sim`. */
  readonly languages: readonly string[];
  /** For all pictures of a document together; what is over then stays unread. */
  readonly budgetMs: number;
}

/** Of what it may write about one picture. */
const outputBytesMax = 4 * 1024 * 1024;
/** It takes longer by each language, and with too many reads worse; pages in two alphabets need both. */
const languagesMax = 3;

/** Packs by the script that tesseract's own detection names; the first that are installed are taken, and English beside them. */
const packsByScript: Readonly<Record<string, readonly string[]>> = {
  Latin: ['eng', 'deu', 'fra', 'spa', 'ita', 'por', 'pol', 'tur', 'nld', 'ces', 'vie'],
  Cyrillic: ['rus', 'ukr', 'bel', 'bul', 'kaz', 'srp'],
  Han: ['chi_sim', 'chi_tra'],
  Japanese: ['jpn'],
  Korean: ['kor'],
  Hangul: ['kor'],
  Arabic: ['ara', 'fas'],
  Hebrew: ['heb'],
  Greek: ['ell'],
  Devanagari: ['hin'],
  Thai: ['tha'],
};

/** Reads pictures with the `tesseract` program: on one processor, since on two it takes three times as long (measured with 5.3). */
export class Ocr implements PictureReader {
  readonly #program: OcrProgram;
  readonly #clock: Clock;
  readonly #endMs: number;

  constructor(program: OcrProgram, clock: Clock) {
    this.#program = program;
    this.#clock = clock;
    this.#endMs = clock.monotonicMs() + program.budgetMs;
  }

  async read(picture: Uint8Array): Promise<string | undefined> {
    const languages = await this.#languagesFor(picture);
    if (languages.length === 0) return undefined;
    const text = await this.#run(['stdin', 'stdout', '-l', languages.join('+')], picture);
    return text === undefined ? undefined : tidyText(text);
  }

  /** All, if they are few; else by the script of the picture. */
  async #languagesFor(picture: Uint8Array): Promise<readonly string[]> {
    const packs = this.#program.languages.filter((name) => name !== 'osd' && name !== 'equ' && !name.startsWith('script/'));
    if (packs.length <= languagesMax || !this.#program.languages.includes('osd')) return packs.slice(0, languagesMax);
    const script = /^Script:\s*(\S+)/m.exec((await this.#run(['stdin', 'stdout', '--psm', '0'], picture)) ?? '')?.[1];
    const wanted = (script === undefined ? undefined : packsByScript[script])?.filter((name) => packs.includes(name)) ?? [];
    if (wanted.length === 0) return packs.slice(0, languagesMax);
    return [...new Set([...wanted.slice(0, languagesMax - 1), ...packs.filter((name) => name === 'eng')])];
  }

  /** What it writes; undefined when it fails, or is not done when the time is over. */
  #run(list: readonly string[], picture: Uint8Array): Promise<string | undefined> {
    const leftMs = this.#endMs - this.#clock.monotonicMs();
    if (leftMs <= 0) return Promise.resolve(undefined);
    const [program, ...before] = this.#program.command;
    return new Promise((resolve) => {
      const child = spawn(program, [...before, ...list], { stdio: ['pipe', 'pipe', 'ignore'], env: { OMP_THREAD_LIMIT: '1' } });
      const parts: Buffer[] = [];
      let bytes = 0;
      const cancel = this.#clock.after(leftMs, () => child.kill('SIGKILL'));
      child.stdout.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > outputBytesMax) child.kill('SIGKILL');
        else parts.push(part);
      });
      const end = (text: string | undefined): void => {
        cancel();
        resolve(text);
      };
      child.once('error', () => end(undefined));
      child.once('close', (code) => end(code === 0 ? Buffer.concat(parts).toString('utf8') : undefined));
      // It may end before it has read everything, if the picture is none.
      child.stdin.on('error', () => undefined);
      child.stdin.end(picture);
    });
  }
}

/** Han characters are written without the spaces that tesseract puts between them; pages end with a form feed. */
function tidyText(text: string): string {
  const cjk = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\u3000-\\u303f\\uff00-\\uffef';
  return text
    .replaceAll('\f', '\n')
    .replace(new RegExp(`(?<=[${cjk}])[ \\t]+(?=[${cjk}])`, 'gu'), '')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** The packs and their folder out of what `tesseract --list-langs` says. */
export function parseLanguageList(output: string): { readonly folder: string | undefined; readonly languages: readonly string[] } {
  const [title = '', ...names] = output.split(/\r?\n/);
  const folder = /"([^"]+)"/.exec(title)?.[1];
  return {
    folder: folder === undefined ? undefined : folder.endsWith('/') ? dirname(`${folder}x`) : folder,
    languages: names.map((name) => name.trim()).filter((name) => /^[\w/-]+$/.test(name)),
  };
}
