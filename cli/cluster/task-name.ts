import { CliError } from '../failure.ts'
import { taskLabel, taskLines, type Snapshot } from '../../core/view/request.ts'

/**
 * The AgentTask that a person means: by its full name, without the name of the request before it (`code-slug`), or as the
 * tree and the lines of a watch show it (`slug/code`, `code slug`, `review`).
 * Errors: `CliError` that names those there are.
 */
export function taskMeant(snapshot: Snapshot, typed: string): string {
  const { name: request } = snapshot.request.metadata
  const lines = taskLines(snapshot)
  const wanted = plain(typed)
  const found = lines.find(({ planned: { name, action, unit } }) => {
    const short = unit === undefined ? [action] : [`${unit} ${action}`, `${action} ${unit}`]
    return name === typed || name === `${request}-${typed}` || short.includes(wanted)
  })
  if (found !== undefined) return found.planned.name
  const known = lines.map(({ planned }) => taskLabel(planned)).join(', ')
  throw new CliError(
    known === ''
      ? `${request} has no tasks yet, and so no ${typed}`
      : `${request} has no task ${typed}; it has: ${known}`,
    { next: `guild tree ${request}` },
  )
}

/** `slug / code` and `slug/code` are the same. */
const plain = (name: string): string => name.trim().replace(/\s*\/\s*|\s+/g, ' ')
