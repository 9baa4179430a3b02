// One cause is often the message of several objects. A person who reads them together reads its
// sentence once.
import type { Line } from './text.ts'

/** The sentences that were shown already. */
export interface ToldOnce {
  /**
   * A line without the sentences that were shown already; it counts as shown from now on. Words
   * before such a sentence (`warning: the plan is made by rule: …`) and after it stay, unless they
   * are a mere label.
   */
  rest(line: string): string
  /** Does the same with each part of a row, whose parts have dots between them. */
  row(detail: string): string
}

/** Words and figures may stand twice; a sentence is longer. */
const shortest = 40

/** Begins with no sentence shown. */
export function toldOnce(): ToldOnce {
  const told: string[] = []
  const rest = (line: string): string => {
    const left = withoutMine(withoutTheirs(line, told), told)
    told.push(line)
    return left === line || !/^[a-z]*$/.test(left.trim()) ? left : ''
  }
  return {
    rest,
    row: (detail) => detail.split(' · ').map(rest).filter(Boolean).join(' · '),
  }
}

/** A line whose last words lack the sentences that were shown; none when nothing is left of it. */
export function untold(line: Line, told: ToldOnce): readonly Line[] {
  const last = line.at(-1)
  if (last === undefined) return [line]
  const text = told.rest(last.text)
  return text.trim() === '' && last.text.trim() !== ''
    ? line.slice(0, -1).length === 0
      ? []
      : [line.slice(0, -1)]
    : [[...line.slice(0, -1), { ...last, text }]]
}

/** Cuts the end of the line, or its words in brackets, when an earlier line holds them. */
function withoutMine(line: string, told: readonly string[]): string {
  const isTold = (text: string): boolean => told.some((one) => low(one).includes(low(text)))
  const aside = asideOf(line)
  if (aside !== undefined && isTold(bare(aside))) return line.replace(` (${aside})`, '')
  for (const [from, tail] of tailsOf(line))
    if (isTold(tail)) return line.slice(0, from).replace(/:\s*$/, '')
  return line
}

/** Cuts the end of an earlier line out of this one, where it is a sentence here, too. */
function withoutTheirs(line: string, told: readonly string[]): string {
  const tails = told.flatMap((text) => [...tailsOf(text), ...tailsOf(asideOf(text) ?? '')])
  for (const [, tail] of tails) {
    const at = low(line).indexOf(low(tail))
    if (at === -1) continue
    const before = line.slice(0, at)
    const after = line.slice(at + tail.length)
    if (!/(?:^|: )$/.test(before) || !/^[.…](?:\s|$)|^$/.test(after)) continue
    const parts = [before.replace(/:\s*$/, ''), after.replace(/^[.…]\s*/, '')]
    return parts.filter(Boolean).join('. ')
  }
  return line
}

/**
 * The texts after each colon of a line that are long enough for a sentence, the longest first, each
 * with its offset. A text that begins with a reason (`ModelRefused: `) is not one.
 */
function tailsOf(line: string): readonly (readonly [number, string])[] {
  return [0, ...[...line.matchAll(/: /g)].map(({ index }) => index + 2)]
    .map((from) => [from, bare(line.slice(from))] as const)
    .filter(([, tail]) => tail.length >= shortest && !/^[A-Z][A-Za-z]+: /.test(tail))
}

/** A reason in brackets: `no plan could be used (the model would not answer …); …`. */
function asideOf(line: string): string | undefined {
  const aside = / \((.*)\)/s.exec(line)?.[1]
  return aside !== undefined && bare(aside).length >= shortest ? aside : undefined
}

const low = (text: string): string => text.toLowerCase()
const bare = (sentence: string): string => sentence.trim().replace(/[.…]+$/, '')
