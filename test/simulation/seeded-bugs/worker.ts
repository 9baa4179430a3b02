// A worker whose product has one bug: the source is changed while it is loaded, nothing is changed
// on disk.
import { registerHooks } from 'node:module'
import { workerData } from 'node:worker_threads'
import { bugs, breakSource } from './bugs.ts'

const { bug: name } = workerData as { readonly bug: string }
const bug = bugs.find((each) => each.name === name)
if (bug === undefined) throw new Error(`there is no seeded bug ${name}`)

const left = new Set(bug.edits)
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const edits = bug.edits.filter(({ file }) => url.endsWith(`/${file}`))
    if (edits.length === 0 || loaded.source === undefined) return loaded
    let source = String(
      typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array),
    )
    for (const edit of edits) {
      source = breakSource(source, edit)
      left.delete(edit)
    }
    return { ...loaded, source }
  },
})
await import('../worker.ts')
if (left.size > 0)
  throw new Error(
    `bug ${name} changes ${[...left].map(({ file }) => file).join(', ')}, never loaded`,
  )
