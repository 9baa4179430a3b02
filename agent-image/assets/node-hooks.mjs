// How modules of the project are found and loaded: as Node does it, but for two things. `node:assert` is our counting
// one, and an import that names the `.js` file which a compiler would make of a `.ts` file finds the `.ts` file.
// oxlint-disable typescript/unbound-method -- called by `apply` only, whatever becomes of the prototypes
import { registerHooks } from 'node:module'
import { assertUrls, moduleSource } from './node-assert.mjs'

const { apply } = Reflect
const matches = RegExp.prototype.exec
const startsWith = String.prototype.startsWith
const endsWith = String.prototype.endsWith
const slice = String.prototype.slice

const relativePath = /^\.{1,2}(\/|$)/
const compiledName = /\.([mc]?)jsx?$/
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
  const assets = new URL('.', import.meta.url).href
  registerHooks({
    resolve(specifier, context, next) {
      const counting = assertUrls[specifier]
      if (counting !== undefined && !isOurs(context.parentURL, assets))
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

function isOurs(parent, assets) {
  return parent !== undefined && apply(startsWith, parent, [assets])
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
