// One cause is often the message of several objects. Who reads them together has to read its sentence once.
import type { Line } from './text.ts'

/** What has been told above. */
export interface ToldOnce {
  /**
   * A line without what was told already, which may be nothing; it counts as told from now on. What stands before such a
   * sentence (`warning: the plan is made by rule: …`) and behind it stays, unless it is a mere label.
   */
  rest(line: string): string
  /** The same for each of the parts of a row, between which there are dots. */
  row(detail: string): string
}

/** Words and figures may stand twice; a sentence is longer. */
const shortest = 40

/** Begins with nothing told. */
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

/** A line whose last words are without what was told; none when nothing is left of it. */
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

/** Cuts the end of the line, or what stands in brackets in it, that is a part of something told. */
function withoutMine(line: string, told: readonly string[]): string {
  const isTold = (text: string): boolean => told.some((one) => low(one).includes(low(text)))
  const aside = asideOf(line)
  if (aside !== undefined && isTold(bare(aside))) return line.replace(` (${aside})`, '')
  for (const [from, tail] of tailsOf(line))
    if (isTold(tail)) return line.slice(0, from).replace(/:\s*$/, '')
  return line
}

/** Cuts what something told ends with out of the line, where it is a sentence there, too. */
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

/** What a line says behind each of its colons, the longest first, with where it begins; long enough for a sentence. A reason (`ModelRefused: `) begins none. */
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
