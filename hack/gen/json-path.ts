import type { SchemaNode } from './schema-node.ts'

/**
 * The schema of the field that a JSONPath of a printer column or selectable field points at.
 *
 * Knows what those may use: `.name` steps and the filter `[?(@.name=="value")]` on lists.
 *
 * @throws {Error} naming the step that leads nowhere.
 */
export function schemaAt(root: SchemaNode, path: string): SchemaNode {
  const steps = [...path.matchAll(/\.(?<field>[A-Za-z]\w*)|\[\?\(@\.(?<key>\w+)=="\w+"\)\]/g)]
  if (steps.map(([text]) => text).join('') !== path || path === '') {
    throw new Error(`'${path}' is not a JSONPath of the simple kind`)
  }
  return steps.reduce((node, { 0: text, groups }) => {
    const { field, key } = groups ?? {}
    const next = field === undefined ? node.items : node.properties?.[field]
    if (next === undefined || (key !== undefined && next.properties?.[key] === undefined)) {
      throw new Error(`'${path}' leads nowhere: the schema has no '${text}' there`)
    }
    return next
  }, root)
}
