/**
 * Names of elements and attributes by the prefixes that a reader knows, whichever prefixes the document has chosen. Most documents have
 * chosen the same, and then nothing is changed or copied.
 */
export class XmlNames {
  readonly #prefixes: Readonly<Record<string, string>>;
  readonly #ours: ReadonlySet<string>;
  /** One for each open element; the same object again where an element declares nothing. */
  readonly #scopes: Scope[] = [];

  /** `prefixes` by namespace. Elements of other namespaces get a prefix that no reader asks for. */
  constructor(prefixes: Readonly<Record<string, string>>) {
    this.#prefixes = prefixes;
    this.#ours = new Set(Object.values(prefixes));
  }

  /** An element begins; `attributes` are its own, with its declarations among them. */
  enter(attributes: Readonly<Record<string, string>>): void {
    const scope = this.#scopes.at(-1) ?? plainScope;
    let changed: Map<string, string> | undefined;
    for (const name in attributes) {
      if (!name.startsWith('xmlns')) continue;
      const prefix = name === 'xmlns' ? '' : name.slice('xmlns:'.length);
      const ours = this.#prefixes[attributes[name] ?? ''];
      const renamed = ours ?? (this.#ours.has(prefix) ? '_' : prefix);
      if (((changed ?? scope.renamed).get(prefix) ?? prefix) === renamed) continue;
      changed ??= new Map(scope.renamed);
      changed.set(prefix, renamed);
    }
    this.#scopes.push(changed === undefined ? scope : { renamed: changed, names: new Map() });
  }

  leave(): void {
    this.#scopes.pop();
  }

  element(name: string): string {
    const scope = this.#scopes.at(-1) ?? plainScope;
    if (scope.renamed.size === 0) return name;
    return rename(scope, name, true);
  }

  attributes(attributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const scope = this.#scopes.at(-1) ?? plainScope;
    if (scope.renamed.size === 0) return attributes;
    const renamed: Record<string, string> = Object.create(null);
    for (const name in attributes) renamed[rename(scope, name, false)] = attributes[name] ?? '';
    return renamed;
  }
}

interface Scope {
  /** Our prefix by the document's, where they differ; '' is the default namespace. */
  readonly renamed: ReadonlyMap<string, string>;
  readonly names: Map<string, string>;
}

const plainScope: Scope = { renamed: new Map(), names: new Map() };
const namesMax = 2_000;

function rename(scope: Scope, name: string, isElement: boolean): string {
  const colon = name.indexOf(':');
  // An attribute without a prefix is in no namespace, whatever the default is.
  if (colon === -1 && !isElement) return name;
  const known = scope.names.get(name);
  if (known !== undefined) return known;
  const prefix = colon === -1 ? '' : name.slice(0, colon);
  const local = name.slice(colon + 1);
  const ours = scope.renamed.get(prefix) ?? prefix;
  const renamed = ours === '' ? local : `${ours}:${local}`;
  if (scope.names.size < namesMax) scope.names.set(name, renamed);
  return renamed;
}
