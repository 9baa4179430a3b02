// The facts that a parser reads from a file of code, in one form for all languages.

/**
 * A piece of a text, in UTF-16 units as JavaScript counts them; `end` is the first unit behind it.
 */
interface Span {
  readonly start: number
  readonly end: number
}

/** Whether a file could be parsed. A file that was not read says nothing about its syntax. */
export type Parsed =
  | { readonly kind: 'fine' }
  | { readonly kind: 'wrong'; readonly line: number; readonly message: string }
  | { readonly kind: 'unread'; readonly why: string }

/**
 * One import. In Python `specifier` is the module's dotted name, with leading dots for a relative
 * one.
 */
export interface ImportFact extends Span {
  readonly specifier: string
  readonly how: 'static' | 'dynamic' | 'require' | 'reexport'
  /**
   * The names that are taken: `default` for a default import, `*` for the whole module. `local` is
   * the name it has in this file. `members` are names that the file reads from a whole module or
   * from a default import.
   */
  readonly names: readonly ImportedName[]
  /** Whether only types are imported, so that nothing is loaded when the file runs. */
  readonly typeOnly: boolean
  /** Whether it is a module that comes with Node or Python. */
  readonly builtin: boolean
  /** Where the specifier stands, without its quotes; for Python the dotted name. */
  readonly at: Span
  /**
   * Whether it stands at the top of the file and is a whole statement, so that it can be replaced
   * by another.
   */
  readonly statement: boolean
}

export interface ImportedName {
  readonly imported: string
  readonly local: string
  readonly typeOnly: boolean
  /** Whether the file uses the name. */
  readonly used: boolean
  readonly members: readonly string[]
}

export interface ExportFact {
  /**
   * `default` for a default export and for a whole CommonJS module; `*` for everything of another
   * module.
   */
  readonly name: string
  readonly kind: 'function' | 'class' | 'constant' | 'type' | 'reexport' | 'unknown'
  /** One line without a body, at most 160 characters. */
  readonly signature: string
  readonly line: number
}

/** A function at the top of a file, or a method of a class there (`Store.save`). */
export interface BodyFact {
  readonly name: string
  /** Whether it only throws, or gives nothing back. */
  readonly hollow: boolean
}

export interface TestFact extends Span {
  /** The name as the language reads it; undefined when it is only known at run time. */
  readonly name: string | undefined
  /** Names of the suites, or the class, around it, outermost first. */
  readonly suites: readonly (string | undefined)[]
  readonly line: number
  readonly skip: boolean
  /**
   * A condition of the machine may skip it: by itself, or with a suite around it, which is then
   * reported instead.
   */
  readonly skippable?: 'test' | 'suite' | undefined
  /**
   * It fails by hand where an error should have been thrown, so right code passes it without an
   * assertion.
   */
  readonly awaitsError?: boolean | undefined
  readonly todo: boolean
  readonly only: boolean
  /** How many assertions its text holds; calls of functions of the same file that assert count. */
  readonly assertions: number
  /**
   * Whether the text may declare it more than once: in a loop, or in a function that declares
   * tests.
   */
  readonly repeated: boolean
  /** Whether the file without it is still a valid file. */
  readonly removable: boolean
}

/** The kinds of code that a gate may refuse; the gate holds the sentences about them. */
export const concernKinds = [
  'framework',
  'require',
  'random',
  'clock',
  'network',
  'process',
  /** A worker whose program is a text. */
  'worker',
  'files',
  'skip',
  /** Always true, or a comparison with itself, in a test that has nothing else. */
  'trivial',
  /** A promise that asserts, and that nothing waits for. */
  'floating',
  /** An assertion in a timer, an event or a thread that nothing waits for. */
  'late',
  /** An assertion whose failure is caught and dropped. */
  'swallowed',
  /** Looks like a test, and no runner runs it to its end. */
  'never-run',
  /** `assertRaises` without anything that could raise. */
  'bare-raises',
  /** A comparison whose result nobody looks at. */
  'unasserted',
  /**
   * A test that can only fail by `fail` or an error of its own, so that right code never meets an
   * assertion.
   */
  'only-fails',
  /**
   * A test that calls its own replacement of the code under test; `module` is the import of that
   * code.
   */
  'replaced',
  /** Uses internals of the runtime, by which code can change how it is judged. */
  'builtins',
  /** Opens, lists or loads tests. Tests may, and code must not. */
  'reads-tests',
] as const
export type ConcernKind = (typeof concernKinds)[number]

export interface Concern {
  readonly kind: ConcernKind
  readonly line: number
  /** The code that it is about, on one line, at most 100 characters. */
  readonly code: string
  /** The import that it is about, as the file writes it; for Python the dotted name behind it. */
  readonly module?: string | undefined
}

export interface CommentFact extends Span {
  /** Without the signs that make it a comment. */
  readonly text: string
  readonly line: number
}

/**
 * Something that can be read from what a file offers: a method of a class, a key of an object, a
 * member of an enum.
 */
export interface MemberFact {
  readonly name: string
  /**
   * Whether it counts as offered by itself; another member counts only when another file uses it.
   */
  readonly certain: boolean
}

/** A class, an object or an enum at the top of a file, or what the file exports under a name. */
export interface OwnerFact {
  /**
   * The name by which other files know it; `default` for a default export and for a whole CommonJS
   * module.
   */
  readonly name: string
  readonly exported: boolean
  readonly members: readonly MemberFact[]
  /** Base classes that are not in the file, as they are written. */
  readonly bases: readonly string[]
  /** Whether it may have more members than the text shows. */
  readonly open: boolean
}

/** What a file offers below its exports. */
export interface Offers {
  readonly owners: readonly OwnerFact[]
  /**
   * Names of members of anything in the file: of classes, of objects, and those that are assigned.
   */
  readonly properties: ReadonlySet<string>
  /**
   * Every name in the file, except members that are only read, and the words of its short texts.
   */
  readonly defined: ReadonlySet<string>
  /** Names that a list says are public (`__all__`). */
  readonly listed: ReadonlySet<string>
  /**
   * Modules whose names are all passed on, and other sources of names that the text does not show.
   */
  readonly stars: readonly string[]
}

/** A named place that holds statements or members: a function, a class, or the file itself. */
export interface BlockFact extends Span {
  /** `Store.get` for a method; empty for the whole file. */
  readonly name: string
  /** Names of the functions, classes, variables and members that stand directly in it. */
  readonly parts: readonly string[]
  /**
   * How many statements or members it holds. A function without a name counts for the place around
   * it.
   */
  readonly statements: number
}

export interface CodeFacts {
  readonly path: string
  readonly language: 'node' | 'python'
  readonly parsed: Parsed
  readonly imports: readonly ImportFact[]
  readonly exports: readonly ExportFact[]
  readonly bodies: readonly BodyFact[]
  readonly tests: readonly TestFact[]
  readonly concerns: readonly Concern[]
  readonly comments: readonly CommentFact[]
  /** Lines where `...` stands in the place of a body that should be there (Python). */
  readonly ellipses: readonly number[]
  /**
   * Names that are used and declared nowhere in the file: globals, and names whose import was
   * forgotten.
   */
  readonly undeclared: ReadonlySet<string>
  /** Signs of a module system in the text. */
  readonly markers: { readonly esm: boolean; readonly commonjs: boolean }
  readonly offers: Offers
  readonly blocks: readonly BlockFact[]
}

const noOffers: Offers = {
  owners: [],
  properties: new Set(),
  defined: new Set(),
  listed: new Set(),
  stars: [],
}

/** Facts of a file that could not be parsed, or was not read. */
export function noFacts(path: string, language: CodeFacts['language'], parsed: Parsed): CodeFacts {
  return {
    path,
    language,
    parsed,
    imports: [],
    exports: [],
    bodies: [],
    tests: [],
    concerns: [],
    comments: [],
    ellipses: [],
    undeclared: new Set(),
    markers: { esm: false, commonjs: false },
    offers: noOffers,
    blocks: [],
  }
}
