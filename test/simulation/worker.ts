// Runs the stories that `crew.ts` sends, and answers with their reports.
import { parentPort } from 'node:worker_threads'
import { run } from './run.ts'
import type { Story } from './story.ts'

/** A worker's report on one story. */
export interface Told {
  readonly story: Story
  readonly violations: readonly { readonly invariant: string; readonly message: string }[]
  readonly sites: readonly string[]
  readonly injected: readonly (readonly [string, number])[]
  readonly met: readonly string[]
  readonly elapsedMs: number
  readonly commits: number
  /** The run itself threw: a defect of the simulator, or of the product outside any guard. */
  readonly error?: string
}

parentPort?.on('message', (stories: readonly Story[]) => {
  void (async () => {
    const told: Told[] = []
    for (const story of stories) told.push(await tell(story))
    parentPort?.postMessage(told)
  })()
})

async function tell(story: Story): Promise<Told> {
  try {
    const report = await run(story)
    return { ...report, story, injected: [...report.injected], met: [...report.met] }
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return {
      story,
      violations: [{ invariant: 'error', message: text }],
      sites: [],
      injected: [],
      met: [],
      elapsedMs: 0,
      commits: 0,
      error: text,
    }
  }
}
