import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type CompiledKinds, compileKinds, type Definition } from './kind.ts'

const directory = join(import.meta.dirname, '../crds')

let compiled: CompiledKinds | undefined

/** The kinds in crds/, compiled when they are first asked for and shared from then on. */
export function ownKinds(): CompiledKinds {
  compiled ??= compileKinds(
    readdirSync(directory)
      .filter((file) => file.endsWith('.yaml'))
      .map((file): Definition => parse(readFileSync(join(directory, file), 'utf8'))),
  )
  return compiled
}
