import { systemClock } from '../../core/base/clock.ts'
import { git } from '../../cli/forge/git.ts'
import { chat } from '../../core/models/servers/ollama.ts'
import type { ModelProfile } from '../../core/models/profile.ts'
import { renderPrompt } from '../../core/models/prompt.ts'
import { readFacts, type RepositoryReader } from '../../core/planner/facts.ts'
import {
  copiedFromExample,
  unitsAnswer,
  unitsQuestion,
  unitsSchema,
} from '../../core/planner/questions.ts'
import { duration, type Log } from '../cluster/log.ts'
import { loadModel } from '../images/load-model.ts'
import { ensureSmolLM2 } from '../images/smollm2.ts'

/** Its name in Ollama. */
export const smallModel = 'smollm2:135m'

const maxTokens = 400
const timers = { firstPieceMs: 180_000, idleMs: 60_000, totalMs: 300_000 }

/**
 * Asks a real model on the real server the planner's real question, and shows its answer unchanged.
 * For machines where no able model can be had: it proves the way to a model, not the model.
 */
export async function showPlanningCall(options: {
  /** Address of the Ollama server. */
  readonly url: string
  readonly request: string
  /** A clone that holds the commit the request started from. */
  readonly directory: string
  readonly base: string
  readonly log: Log
  readonly signal: AbortSignal
}): Promise<void> {
  const { url, request, log, signal } = options
  const file = await ensureSmolLM2({ log, signal })
  await loadModel({ ollamaUrl: url, path: file.path, name: smallModel, log, signal })
  const profile: ModelProfile = {
    name: smallModel,
    provider: 'ollama',
    endpoint: url,
    contextTokens: 4096,
    outputTokens: 1024,
    parallel: 1,
    tier: 'weak',
  }
  const facts = await readFacts(readerOf(options, signal), request, { signal })
  const { system, sections, instruction } = unitsQuestion({ request, facts, notes: '' })
  const prompt = renderPrompt(system, sections, instruction)
  log.line(`asking ${smallModel} on the in-cluster Ollama the planner's question …`)
  const startedAt = Date.now()
  let pieces = 0
  const answer = await chat(
    profile,
    { ...prompt, format: unitsSchema, temperature: 0, seed: 1, maxTokens },
    {
      clock: systemClock,
      timers,
      signal,
      onPiece: () => {
        pieces += 1
        log.update(
          `${pieces === 1 ? '1 piece' : `${pieces} pieces`} of the answer   ${duration(Date.now() - startedAt)}`,
        )
      },
    },
  )
  log.line('its raw answer:')
  for (const line of wrapped(answer.text.trimEnd(), 110)) log.line(`  | ${line}`)
  log.line(
    `${answer.inputTokens} tokens read, ${answer.outputTokens} written in ${duration(Date.now() - startedAt)}; ${judge(answer)}`,
  )
  log.line(
    'a real model answered here, one with 135 million parameters: too small to plan, and none of this was used above',
  )
}

/** What the planner would make of the answer. */
export function judge(answer: { readonly text: string; readonly cut: boolean }): string {
  if (copiedFromExample(answer.text) !== undefined) {
    return 'the planner would refuse it: it copies the example in the question'
  }
  if (answer.cut) return 'the planner would refuse it: it was cut at its limit'
  try {
    const parsed = unitsAnswer.safeParse(JSON.parse(answer.text))
    return parsed.success
      ? `it follows the schema (${parsed.data.a_units.length} units); whether it makes sense, read for yourself`
      : 'the planner would refuse it: it does not follow the schema'
  } catch {
    return 'the planner would refuse it: it is no JSON'
  }
}

/** The repository as the planner saw it. */
function readerOf(
  { directory: cwd, base }: { readonly directory: string; readonly base: string },
  signal: AbortSignal,
): RepositoryReader {
  return {
    readTree: async () => {
      const listing = await git(['ls-tree', '-r', '-l', '-z', base], { cwd, signal })
      const files = listing.split('\0').flatMap((entry) => {
        const match = /^\d+ blob [0-9a-f]+ +(\d+)\t(.+)$/s.exec(entry)
        return match === null ? [] : [{ path: match[2] ?? '', bytes: Number(match[1]) }]
      })
      return { files, truncated: false }
    },
    readFile: (path) => git(['show', `${base}:${path}`], { cwd, signal }),
  }
}

/** Cut into lines of a width; nothing is dropped. */
export function wrapped(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((line) => line.match(new RegExp(`.{1,${width}}`, 'gu')) ?? [''])
}
