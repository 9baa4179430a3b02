import type { Unit } from '../api/devrequest.ts'
import type { RepositoryFacts } from './facts.ts'
import { defaultFile } from './language.ts'
import { freeName } from './names.ts'
import { pathRule } from '../api/schema.ts'
import { safePath } from './paths.ts'

/** Takes a person's units as they are, except for what cannot be carried out; `warnings` say what was changed. */
export function personUnits(
  given: readonly Unit[],
  facts: RepositoryFacts,
): { readonly units: readonly Unit[]; readonly warnings: readonly string[] } {
  const warnings: string[] = []
  const units: Unit[] = []
  for (const unit of given) {
    const taken = new Set(units.map((earlier) => earlier.name))
    const name = freeName(unit.name, taken)
    if (name !== unit.name)
      warnings.push(`There are two units ${unit.name}; one is called ${name}.`)
    const files: string[] = []
    for (const file of unit.files) {
      const path = safePath(file)
      if (path === undefined)
        warnings.push(`Unit ${name}: ${file} cannot be written and was left out; ${pathRule}.`)
      else if (!files.includes(path)) files.push(path)
    }
    if (files.length === 0) {
      files.push(defaultFile(name, facts.language, facts.files))
      warnings.push(`Unit ${name} names no file; it gets ${files.join()}.`)
    }
    const after: string[] = []
    for (const other of unit.after ?? []) {
      if (taken.has(other)) after.push(other)
      else warnings.push(`Unit ${name}: ${other} is no earlier unit; it does not wait for it.`)
    }
    units.push({ ...unit, name, files, after })
  }
  return { units, warnings }
}
