import type { AgentTask } from './agent-task.ts'

/** How the notes of a review that are findings begin: with their weight. */
const weighed = /^(?:high|medium|low|large)(?: \(model\))?: /

/** The findings of a review, as its task keeps them; empty for every other task, and for a review without findings. */
export function reviewFindings({ spec, status }: AgentTask): readonly string[] {
  if (spec.action !== 'review') return []
  return (status?.result?.notes ?? []).filter((note) => weighed.test(note))
}

/** How many findings, and the first of them; empty when there are none. */
export function findingsInShort(task: AgentTask, longest = 200): string {
  const findings = reviewFindings(task)
  const [first] = findings
  if (first === undefined) return ''
  // Without the line that is quoted, and no further than the first sentence.
  const sentence = first.replace(/ \[[^\]]*\]$/, '').replace(/([.!?]) [\s\S]*$/, '$1')
  const shown = sentence.length > longest ? `${sentence.slice(0, longest - 1)}…` : sentence
  return `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}${findings.length === 1 ? ': ' : ', the first: '}${shown}`
}
