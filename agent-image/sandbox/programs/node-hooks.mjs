// How modules of the project are found and loaded: as Node does it, but for three things. Packages of a monorepo are found
// by their names though nobody linked them. `node:assert` is our counting
// one, and an import that names the `.js` file which a compiler would make of a `.ts` file finds the `.ts` file.
// oxlint-disable typescript/unbound-method -- called by `apply` only, whatever becomes of the prototypes
import { readFileSync as readFile } from 'node:fs'
import { createRequire as requireFrom, registerHooks } from 'node:module'
import { pathToFileURL as toUrl } from 'node:url'
import { assertUrls, moduleSource } from './node-assert.mjs'
import { config } from './node-channel.mjs'

const { apply } = Reflect
const matches = RegExp.prototype.exec
const startsWith = String.prototype.startsWith
const endsWith = String.prototype.endsWith
const slice = String.prototype.slice
const includes = Array.prototype.includes
const { parse } = JSON
const { hasOwn } = Object

const relativePath = /^\.{1,2}(\/|$)/
const compiledName = /\.([mc]?)jsx?$/
const packageName = /^(?:@[^/]+\/)?[^/]+/
const knownName = /\.([mc]?[jt]s|json|node|wasm)$/

/**
 * The file that was loaded last: the one in which a syntax error lies, as V8's error does not say that. And the last import
 * that led nowhere, of which Node's error tells the first part only.
 */
export const seen = { url: undefined, missing: undefined }

/** Before a module that the project's own test command loads first: it is looked up from the folder of the test. */
export const setupPrefix = 'guildhall-setup:'

/** Begins to act on all modules that are loaded from now on; `folder` is the URL of the folder of the test, with `/`. */
export function installHooks(folder) {
  const ownFolder = new URL('.', import.meta.url).href
  registerHooks({
    resolve(specifier, context, next) {
      const counting = assertUrls[specifier]
      if (counting !== undefined && !isOurs(context.parentURL, ownFolder))
        return { url: counting, format: 'module', shortCircuit: true }
      if (apply(startsWith, specifier, [setupPrefix]))
        return next(apply(slice, specifier, [setupPrefix.length]), {
          ...context,
          parentURL: folder,
        })
      try {
        return next(specifier, context)
      } catch (error) {
        for (const other of otherNames(specifier, context.parentURL)) {
          try {
            return next(other, context)
          } catch {
            // The error of the name that was written is the one to tell.
          }
        }
        try {
          const linked = linkedName(specifier, context)
          if (linked !== undefined) return next(linked.name, { ...context, parentURL: linked.from })
        } catch {
          // The error of the name that was written is the one to tell.
        }
        seen.missing = specifier
        throw error
      }
    },
    load(url, context, next) {
      const source = moduleSource(url)
      if (source !== undefined) return { format: 'module', source, shortCircuit: true }
      seen.url = url
      return next(url, context)
    },
  })
}

function isOurs(parent, ownFolder) {
  return parent !== undefined && apply(startsWith, parent, [ownFolder])
}

/**
 * What an import of another package of the monorepo means in its folder, as if its package manager had linked it there. A
 * package with `exports` finds itself by its name; one without is a folder of files.
 */
function linkedName(specifier, { parentURL, conditions }) {
  if (apply(matches, relativePath, [specifier]) !== null) return undefined
  const name = apply(matches, packageName, [specifier])?.[0]
  if (name === undefined || !hasOwn(config.linked, name)) return undefined
  const manifest = `${config.root}/${config.linked[name]}/package.json`
  const require = requireFrom(manifest)
  const isRequired = conditions !== undefined && apply(includes, conditions, ['require'])
  if (parse(readFile(manifest, 'utf8')).exports != null) {
    if (!isRequired) return { name: specifier, from: toUrl(manifest).href }
    return { name: require.resolve(specifier), from: parentURL }
  }
  const below = apply(slice, specifier, [name.length])
  const path = require.resolve(`.${below === '' ? '/' : below}`)
  return { name: isRequired ? path : toUrl(path).href, from: parentURL }
}

/** Names of TypeScript files that a relative import may mean. */
function otherNames(specifier, parent) {
  if (apply(matches, relativePath, [specifier]) === null) return []
  const compiled = apply(matches, compiledName, [specifier])
  if (compiled !== null) {
    const stem = apply(slice, specifier, [0, -compiled[0].length])
    return [`${stem}.${compiled[1]}ts`]
  }
  // Without an ending, as in projects that compile to CommonJS.
  const typed = parent !== undefined && apply(endsWith, parent, ['ts'])
  if (!typed || apply(matches, knownName, [specifier]) !== null) return []
  return [`${specifier}.ts`, `${specifier}.js`, `${specifier}/index.ts`, `${specifier}/index.js`]
}
