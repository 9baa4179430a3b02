// Files that let a spec load before its code exists.
import type { CodeFacts } from '../code/facts.ts'
import { type ModuleKind, moduleKindOf, resolveImport } from '../code/modules.ts'
import { factsOf } from '../code/read-code.ts'
import { languageOf } from '../project/project.ts'
import type { ImportedNames } from './spec-imports.ts'

interface StubOptions {
  /** Whether package.json says that `.js` files are CommonJS; used where `kindOf` is not given. */
  readonly commonjs?: boolean
  /** The kind of module as which Node loads a file, or will load a new one. */
  readonly kindOf?: (file: string) => ModuleKind
  /** Facts of existing files, by path; Python files need them, and what `export *` leads to. */
  readonly facts?: ReadonlyMap<string, CodeFacts>
}

/**
 * `nonsense`: every call gives the same text, which is neither empty nor right. `anything`: every
 * name, and whatever is read, called or made of it, gives something that can be read, called and
 * made again, so that only a check of a value fails.
 */
export type StubBehaviour = 'throws' | 'returns' | 'nonsense' | 'anything'

/**
 * Stubs: every imported name that is missing is a function, or in Python a class, that throws,
 * gives nothing back, or gives nonsense. Existing files keep their text; names they lack are added
 * at the end, in the module system of the file, so that what it offers already stays as it is.
 * Guarantees: a JavaScript file that parsed still parses with its stubs.
 */
export function stubsFor(
  names: ImportedNames,
  before: ReadonlyMap<string, string>,
  behaviour: StubBehaviour,
  options: StubOptions = {},
): ReadonlyMap<string, string> {
  const stubs = new Map<string, string>()
  const factsAt = (file: string): CodeFacts | undefined => {
    const text = before.get(file)
    return options.facts?.get(file) ?? (text === undefined ? undefined : factsOf(file, text))
  }
  for (const [file, imported] of names) {
    // Data has no names of its own that could be missing.
    if (languageOf(file) === 'unknown') continue
    const text = before.get(file) ?? ''
    const facts = factsAt(file)
    const python = languageOf(file) === 'python'
    const nearest = options.commonjs ? 'commonjs' : undefined
    const kind = options.kindOf?.(file) ?? moduleKindOf(file, facts, nearest)
    const has = offeredBy(file, factsAt, new Set())
    const wanted = wantedNames(imported, python ? 'module' : kind)
    const missing = wanted.filter(
      (name) => !has.has(name) && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name),
    )
    if (missing.length === 0 && before.has(file)) continue
    const lines: string[] = python
      ? [...(missing.length > 0 ? [pythonBase(behaviour)] : []), ...missing.map(pythonStub)]
      : kind === 'commonjs'
        ? [...commonjsStubs(missing, has, behaviour)]
        : missing.map((name, index) => moduleStub(name, index, text, behaviour))
    if (behaviour === 'anything' && !python && missing.length > 0) lines.unshift(anything)
    const whole = `${text}\n${lines.join('\n')}\n`
    const stays =
      python || facts?.parsed.kind !== 'fine' || factsOf(file, whole).parsed.kind === 'fine'
    if (stays) stubs.set(file, whole)
  }
  return stubs
}

/** The meaning of a default import depends on the module system of the file that it leads to. */
function wantedNames(imported: ReadonlySet<string>, kind: ModuleKind): readonly string[] {
  const members = [...imported].flatMap((name) =>
    name.startsWith('default.') ? [name.slice('default.'.length)] : [],
  )
  const plain = [...imported].filter((name) => !name.startsWith('default.'))
  if (kind === 'module') return plain
  // The default of a CommonJS file is the whole of it; with names read from it, those are what is
  // wanted.
  return [
    ...new Set([...plain.filter((name) => name !== 'default' || members.length === 0), ...members]),
  ]
}

/** Names that a file offers, those that it re-exports included. */
function offeredBy(
  file: string,
  factsAt: (file: string) => CodeFacts | undefined,
  seen: Set<string>,
): ReadonlySet<string> {
  const names = new Set<string>()
  const facts = factsAt(file)
  if (facts === undefined || seen.has(file)) return names
  seen.add(file)
  // `__all__` may list a name that nothing defines yet; a module that makes its names when asked
  // has them.
  const lazy = facts.language === 'node' || facts.exports.some(({ name }) => name === '*')
  for (const { name, kind } of facts.exports)
    if (name !== '*' && (lazy || kind !== 'unknown')) names.add(name)
  if (!facts.exports.some((one) => one.name === '*') && facts.language === 'node') return names
  for (const one of facts.imports) {
    if (!one.names.some((name) => name.imported === '*') && one.how !== 'require') continue
    if (facts.language === 'python' && one.names[0]?.local !== '*') continue
    for (const target of targetsOf(file, one.specifier, one.how, factsAt))
      for (const name of offeredBy(target, factsAt, seen)) if (name !== 'default') names.add(name)
  }
  return names
}

/** Files that an import may lead to, among those whose facts are known. */
function targetsOf(
  file: string,
  specifier: string,
  how: CodeFacts['imports'][number]['how'],
  factsAt: (file: string) => CodeFacts | undefined,
): readonly string[] {
  // The places are tried one by one, because only files whose text was read are known here.
  const known = { has: (path: string) => factsAt(path) !== undefined } as ReadonlySet<string>
  if (languageOf(file) === 'python') {
    const level = /^\.*/.exec(specifier)?.[0].length ?? 0
    const own = file.split('/').slice(0, -Math.max(1, level))
    const parts = specifier.slice(level).split('.').filter(Boolean)
    return (level > 0 ? [own] : [[], ['src']])
      .map((root) => [...root, ...parts].join('/'))
      .flatMap((path) => [`${path}.py`, `${path}/__init__.py`])
      .filter((path) => known.has(path))
  }
  const target = resolveImport(file, specifier, known, how)
  return target !== undefined && 'file' in target ? [target.file] : []
}

/** The text that stubs of `nonsense` give back. */
export const nonsense = 'plum nonsense'

/**
 * A file that is not imported by a plain import, but started as a program or loaded by its path.
 */
export function programStub(file: string, behaviour: StubBehaviour): string {
  if (behaviour === 'throws' || behaviour === 'returns') return '\n'
  return languageOf(file) === 'python' ? `print('${nonsense}')\n` : `console.log('${nonsense}')\n`
}

const anything = `function guildhallAnything() {
  return new Proxy(function () {}, {
    get(own, key) {
      if (key === 'then') return undefined
      if (key === 'prototype') return own.prototype
      if (key === Symbol.toPrimitive) return () => '${nonsense}'
      return key === Symbol.iterator ? function* () {} : guildhallAnything()
    },
    set: () => true,
    apply: guildhallAnything,
    construct: guildhallAnything,
  })
}`

function functionText(behaviour: StubBehaviour): string {
  if (behaviour === 'throws') return `() { throw new Error('not implemented yet') }`
  return behaviour === 'nonsense' ? `() { return '${nonsense}' }` : '() {}'
}

/**
 * Under a name of its own, because the file may hold something of that name which it does not
 * export.
 */
function moduleStub(name: string, index: number, text: string, behaviour: StubBehaviour): string {
  let own = name === 'default' ? `missing${index}` : name
  while (text.includes(own)) own = `missing${index}_${own}`
  const body = functionText(behaviour)
  if (behaviour === 'anything')
    return name === 'default'
      ? 'export default guildhallAnything()'
      : `const ${own} = guildhallAnything()\nexport { ${own} as ${name} }`
  if (name === 'default') return `export default function ${own}${body}`
  return own === name
    ? `export function ${name}${body}`
    : `function ${own}${body}\nexport { ${own} as ${name} }`
}

/**
 * The stub asks when the file runs, so that names which the file offers in any way stay as they
 * are.
 */
function commonjsStubs(
  missing: readonly string[],
  has: ReadonlySet<string>,
  behaviour: StubBehaviour,
): readonly string[] {
  const body =
    behaviour === 'anything' ? 'guildhallAnything()' : `function ${functionText(behaviour)}`
  return missing.flatMap((name) => {
    if (name !== 'default') return [`module.exports.${name} ??= ${body}`]
    // A module that offers anything is its own default import.
    if (has.size > 0) return []
    return [
      `if (typeof module.exports !== 'function' && Object.keys(module.exports).length === 0) module.exports = ${body}`,
    ]
  })
}

/**
 * A missing name of Python is a class, because a spec may call it, inherit from it, put it above a
 * function, or read names from it, and may do so while its file is loaded. Where stubs throw, every
 * use throws except inheriting: a class whose name begins with a capital gives instances otherwise.
 * A class of tests that inherits from a stub is one of unittest, as the base that is still to be
 * written will be. Names that the test runner itself looks for are never there.
 */
function pythonStub(name: string): string {
  const guard = `if '${name}' not in globals():`
  if (/(?:Error|Exception|Warning)$/.test(name))
    return `${guard}\n    class ${name}(Exception):\n        pass`
  const isClass = /^\p{Lu}/u.test(name) && !/^[\p{Lu}\p{N}_]+$/u.test(name)
  return `${guard}\n    ${name} = _guildhall_stub('${name}', ${isClass ? 'True' : 'False'})`
}

function pythonBase(behaviour: StubBehaviour): string {
  const given = {
    throws: "raise NotImplementedError('not implemented yet')",
    returns: 'return None',
    nonsense: 'return _GuildhallNonsense()',
    anything: 'return _GuildhallNonsense()',
  }[behaviour]
  const missing = behaviour === 'anything' ? given : 'raise _GuildhallMissing()'
  const operators =
    'add radd sub rsub mul rmul truediv rtruediv floordiv mod rmod pow lt le gt ge neg iter len contains getitem int float index'.split(
      ' ',
    )
  return `
import abc as _guildhall_abc, inspect as _guildhall_inspect, unittest as _guildhall_unittest

def _guildhall_init(self):
    Exception.__init__(self, 'not implemented yet')
# What only asks whether a name is there gets the answer that it is not.
_GuildhallMissing = type('NotImplementedError', (NotImplementedError, AttributeError), {'__init__': _guildhall_init})

class _GuildhallNonsense(str):
    def __new__(cls, *args, **kwargs):
        return str.__new__(cls, '${nonsense}')
    def __call__(self, *args, **kwargs):
        return self
    def __getattr__(self, key):
        if _guildhall_private(key):
            raise AttributeError(key)
        ${behaviour === 'anything' ? given : 'raise AttributeError(key)'}

def _guildhall_give(*args, **kwargs):
    ${given}

def _guildhall_private(name):
    return name.startswith('_') or name.startswith(('setup_', 'teardown_')) or name in ('pytestmark', 'label')

class _GuildhallMeta(_guildhall_abc.ABCMeta):
    def __new__(kind, name, bases, space, **settings):
        tests = [one for key, one in space.items() if key.startswith('test') and callable(one)]
        if tests and not any(issubclass(one, _guildhall_unittest.TestCase) for one in bases):
            isolated = any(map(_guildhall_inspect.iscoroutinefunction, tests))
            case = _guildhall_unittest.IsolatedAsyncioTestCase if isolated else _guildhall_unittest.TestCase
            bases = (*bases, case)
        return super().__new__(kind, name, bases, space)
    def __init__(kind, name, bases, space, **settings):
        super().__init__(name, bases, space)
    def __call__(kind, *args, **kwargs):
        if kind.__dict__.get('_guildhall_plain'):
            return _guildhall_give()
        return super().__call__(*args, **kwargs)
    def __getattr__(kind, name):
        if _guildhall_private(name):
            raise AttributeError(name)
        ${behaviour === 'throws' ? 'raise _GuildhallMissing()' : given}
${
  behaviour === 'throws'
    ? operators
        .map(
          (name) => `    __${name}__ = _guildhall_give
`,
        )
        .join('')
    : ''
}
def _guildhall_stub(name, is_class):
    def __init__(self, *args, **kwargs):
        if isinstance(self, _guildhall_unittest.TestCase):
            super(made, self).__init__(*args, **kwargs)
        else:
            ${behaviour === 'throws' ? given : 'pass'}
    def __getattr__(self, key):
        if _guildhall_private(key):
            raise AttributeError(key)
        ${missing}
    space = {'__init__': __init__, '__getattr__': __getattr__, '__class_getitem__': classmethod(lambda cls, key: cls),
             '__module__': __name__, '__init_subclass__': classmethod(lambda cls, **settings: super(made, cls).__init_subclass__()),
             '_guildhall_plain': not is_class}
    made = _GuildhallMeta(name, (), space)
    return made
`
}
