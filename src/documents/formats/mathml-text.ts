import type { XmlAttributes } from './xml-events.ts';

interface MathFrame {
  readonly name: string;
  readonly parts: string[];
  text: string;
}

const tokens = new Set(['mi', 'mn', 'mo', 'mtext', 'ms']);
const unshown = new Set(['annotation', 'annotation-xml', 'mphantom', 'mspace']);

/** An equation in MathML as one line: `x=(-b±√(b^2-4ac))/(2a)`. It is handed all that stands within `math`, names without prefixes. */
export class MathmlText {
  readonly #frames: MathFrame[] = [{ name: 'math', parts: [], text: '' }];
  #unshownDepth = 0;

  /** Only known when the equation has ended. */
  get result(): string {
    return (this.#frames[0]?.parts.join('') ?? '').trim();
  }

  open(name: string, _attributes: XmlAttributes): void {
    if (this.#unshownDepth > 0 || unshown.has(name)) this.#unshownDepth += 1;
    else if (name !== 'math') this.#frames.push({ name, parts: [], text: '' });
  }

  text(text: string): void {
    const frame = this.#frames.at(-1);
    if (this.#unshownDepth === 0 && frame !== undefined && tokens.has(frame.name)) frame.text += text;
  }

  close(name: string): void {
    if (this.#unshownDepth > 0) {
      this.#unshownDepth -= 1;
      return;
    }
    if (this.#frames.length < 2 || this.#frames.at(-1)?.name !== name) return;
    const frame = this.#frames.pop();
    if (frame !== undefined) this.#frames.at(-1)?.parts.push(spell(frame));
  }
}

function spell({ name, parts, text }: MathFrame): string {
  const [first = '', second = '', third = ''] = parts;
  switch (name) {
    case 'mfrac': return `${grouped(first)}/${grouped(second)}`;
    case 'msup':
    case 'mover': return `${first}^${grouped(second)}`;
    case 'msub':
    case 'munder': return `${first}_${grouped(second)}`;
    case 'msubsup':
    case 'munderover': return `${first}_${grouped(second)}^${grouped(third)}`;
    case 'msqrt': return `√${grouped(parts.join(''))}`;
    case 'mroot': return `^${grouped(second)}√${grouped(first)}`;
    case 'mtable': return `[${parts.join('; ')}]`;
    case 'mtr': return parts.join(', ');
    default: return tokens.has(name) ? text.trim() : parts.join('');
  }
}

/** In brackets, unless it is one number or name. */
function grouped(text: string): string {
  return /^[\p{L}\p{M}\p{N}.,]+$/u.test(text) ? text : `(${text})`;
}
