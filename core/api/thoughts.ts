// The thoughts that some models write before their answer, although the request forbids it, and
// where the answer begins. A draft in the thoughts must not be taken for the answer.

const names = '(?:think|thinking|thought|thoughts|reasoning)'
const begin = new RegExp(String.raw`^\s*(?:<${names}>|\[THINK\])`)
const mark = String.raw`(?:<\/${names}>|\[\/THINK\])`
const end = new RegExp(mark)
/** Some templates open the thoughts themselves, so that only their end is in the answer. */
const endOnItsLine = new RegExp(String.raw`^[ \t]*${mark}[ \t]*$`)
const endAtLineStart = new RegExp(String.raw`^[ \t]*${mark}`)
/** Behind a sentence; a comment, a text in quotes or an entry in code that names the mark does not count. */
const endAfterSentence = new RegExp(
  String.raw`^(?![ \t]*(?:\/\/|#|\*|\/\*|<!--|--|"|')).*[^'"${'`'}\\/]${mark}[ \t]*$`,
)

/** Models indent a fence with the list that it stands in, and its text as far. */
export const fenceLine = /^( {0,8})(`{3,}|~{3,})([^`]*)$/

/**
 * The answer without the thoughts before it. Thoughts without an end leave no answer. Where only
 * their end is seen, it counts outside of fenced blocks: inside of one it is part of the written
 * file, unless another block is opened behind it.
 */
export function withoutThinking(text: string): string {
  if (begin.test(text)) {
    const found = end.exec(text)
    return found === null ? '' : text.slice(found.index + found[0].length)
  }
  return end.test(text) ? text.slice(endOfThoughts(text)) : text
}

/** Where the thoughts end whose beginning is not seen; 0 when there are none. */
function endOfThoughts(text: string): number {
  let found = 0
  let at = 0
  let fence: string | undefined
  let inFence: number | undefined
  for (const whole of text.split('\n')) {
    const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole
    const [, , signs, rest = ''] = fenceLine.exec(line) ?? []
    if (signs !== undefined && (fence === undefined || rest.trim() !== '')) {
      // A block that is opened while a draft is open shows that the draft was given up.
      if (inFence !== undefined) found = inFence
      fence = fence === undefined || inFence !== undefined ? signs : fence
      inFence = undefined
    } else if (signs !== undefined && fence !== undefined && signs[0] === fence[0]) {
      fence = undefined
      inFence = undefined
    } else if (fence !== undefined) {
      if (endOnItsLine.test(line)) inFence = at + line.length
    } else {
      const inProse = endAtLineStart.exec(line) ?? endAfterSentence.exec(line)
      if (inProse !== null) {
        found = at + inProse[0].length
        // `</think>` and the opening fence may share a line.
        fence = fenceLine.exec(line.slice(inProse[0].length))?.[2]
      }
    }
    at += whole.length + 1
  }
  return found
}
