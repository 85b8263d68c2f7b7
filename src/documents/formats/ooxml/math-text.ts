import type { XmlAttributes } from '../xml-events.ts';

interface MathFrame {
  readonly name: string;
  /** What stands in it in order. */
  text: string;
  /** Its arguments (`m:e`, `m:num`, `m:sup` …) in order. */
  readonly args: { readonly name: string; readonly text: string }[];
  /** The characters that its properties name: `m:chr`, `m:begChr` … */
  readonly signs: Record<string, string>;
}

const argumentNames = new Set(['m:e', 'm:num', 'm:den', 'm:sub', 'm:sup', 'm:deg', 'm:fName', 'm:lim', 'm:mr']);
const signNames = new Set(['m:chr', 'm:begChr', 'm:endChr', 'm:sepChr']);

/** An equation of Office (OMML, ECMA-376 part 1, 22.1) as one line: `x=(-b±√(b^2-4ac))/(2a)`. It is handed all that stands within `m:oMath`. */
export class MathText {
  readonly #frames: MathFrame[] = [frameOf('m:oMath')];
  #isText = false;

  /** Only known when the equation has ended. */
  get result(): string {
    return (this.#frames[0]?.text ?? '').trim();
  }

  open(name: string, attributes: XmlAttributes): void {
    const frame = this.#frames.at(-1);
    if (signNames.has(name)) {
      if (frame !== undefined) frame.signs[name] = attributes['m:val'] ?? '';
    } else if (name === 'm:t') this.#isText = true;
    else if (isStructure(name)) this.#frames.push(frameOf(name));
  }

  text(text: string): void {
    const frame = this.#frames.at(-1);
    if (this.#isText && frame !== undefined) frame.text += text;
  }

  close(name: string): void {
    if (name === 'm:t') this.#isText = false;
    if (!isStructure(name) || this.#frames.length < 2 || this.#frames.at(-1)?.name !== name) return;
    const frame = this.#frames.pop();
    const around = this.#frames.at(-1);
    if (frame === undefined || around === undefined) return;
    const text = spell(frame);
    if (argumentNames.has(name)) around.args.push({ name, text });
    if (!argumentNames.has(name) || around.name === 'm:oMath') around.text += text;
  }
}

function frameOf(name: string): MathFrame {
  return { name, text: '', args: [], signs: Object.create(null) };
}

const spelled = new Set([
  'm:f', 'm:sSup', 'm:sSub', 'm:sSubSup', 'm:sPre', 'm:rad', 'm:nary', 'm:d', 'm:func', 'm:m', 'm:limLow', 'm:limUpp', 'm:acc', 'm:bar', 'm:box',
  'm:borderBox', 'm:groupChr', 'm:eqArr', 'm:phant',
]);

function isStructure(name: string): boolean {
  return argumentNames.has(name) || spelled.has(name);
}

function spell(frame: MathFrame): string {
  const arg = (name: string): string => frame.args.find((one) => one.name === name)?.text ?? '';
  const all = (name: string): string[] => frame.args.filter((one) => one.name === name).map((one) => one.text);
  const raised = (sign: string, text: string): string => (text === '' ? '' : sign + grouped(text));
  switch (frame.name) {
    case 'm:f': return `${grouped(arg('m:num'))}/${grouped(arg('m:den'))}`;
    case 'm:sSup':
    case 'm:sSub':
    case 'm:sSubSup': return arg('m:e') + raised('_', arg('m:sub')) + raised('^', arg('m:sup'));
    case 'm:sPre': return raised('_', arg('m:sub')) + raised('^', arg('m:sup')) + arg('m:e');
    case 'm:rad': return `${arg('m:deg') === '' ? '' : `^${grouped(arg('m:deg'))}`}√${grouped(arg('m:e'))}`;
    case 'm:nary': return `${frame.signs['m:chr'] ?? '∫'}${raised('_', arg('m:sub'))}${raised('^', arg('m:sup'))} ${arg('m:e')}`;
    case 'm:d': return (frame.signs['m:begChr'] ?? '(') + all('m:e').join(frame.signs['m:sepChr'] ?? '|') + (frame.signs['m:endChr'] ?? ')');
    case 'm:func': return `${arg('m:fName')} ${arg('m:e')}`;
    case 'm:limLow': return arg('m:e') + raised('_', arg('m:lim'));
    case 'm:limUpp': return arg('m:e') + raised('^', arg('m:lim'));
    case 'm:acc': return arg('m:e') + (frame.signs['m:chr'] ?? '\u0302');
    case 'm:m': return `[${all('m:mr').join('; ')}]`;
    case 'm:mr': return all('m:e').join(', ');
    case 'm:eqArr': return all('m:e').join('; ');
    default: return frame.text + frame.args.map((one) => one.text).join('');
  }
}

/** In brackets, unless it is one number or name. */
function grouped(text: string): string {
  return /^[\p{L}\p{M}\p{N}.,]+$/u.test(text) ? text : `(${text})`;
}
