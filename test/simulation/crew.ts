import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Story } from './story.ts'
import type { Told } from './worker.ts'

/** How many stories a worker gets at once. */
const batch = 10

/**
 * Runs stories on so many threads. `onTold` hears of each; when it returns false no further ones
 * are begun.
 * With `bug` the product's code is changed first; see `seeded-bugs/`.
 */
export async function runAll(
  stories: Iterable<Story>,
  options: { readonly jobs: number; readonly bug?: string | undefined },
  onTold: (told: Told) => boolean,
): Promise<void> {
  const source = stories[Symbol.iterator]()
  let goOn = true
  const next = (): readonly Story[] =>
    goOn ? Array.from({ length: batch }, () => source.next()).flatMap(valueOf) : []
  const work = async (): Promise<void> => {
    const worker = new Worker(
      new URL(
        options.bug === undefined ? './worker.ts' : './seeded-bugs/worker.ts',
        import.meta.url,
      ),
      { workerData: { bug: options.bug } },
    )
    try {
      for (let stories = next(); stories.length > 0; stories = next())
        for (const told of await ask(worker, stories)) goOn = onTold(told) && goOn
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
}

function valueOf(step: IteratorResult<Story, unknown>): readonly Story[] {
  return step.done === true ? [] : [step.value]
}

async function ask(worker: Worker, stories: readonly Story[]): Promise<readonly Told[]> {
  const over = new AbortController()
  const ended = once(worker, 'exit', { signal: over.signal }).then(([code]) => {
    throw new Error(`a worker ended with code ${String(code)}`)
  })
  ended.catch(() => undefined)
  const answer = once(worker, 'message', { signal: over.signal })
  worker.postMessage(stories)
  try {
    const [told] = (await Promise.race([answer, ended])) as [readonly Told[]]
    return told
  } finally {
    over.abort()
  }
}
