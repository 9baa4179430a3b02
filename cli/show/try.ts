import { counted } from '../../core/api/plain-text.ts'
import { failuresIn, type TryResult } from '../try/outcome.ts'
import { amount } from './figures.ts'
import { draw, span, type Line, type Paint, type Style } from './style.ts'

const looks: Readonly<Partial<Record<TryResult['verdict'], Paint>>> = {
  Done: 'green',
  AlreadyDone: 'cyan',
  NothingChanged: 'cyan',
  Unchecked: 'yellow',
}

/**
 * The result of `guild try` for people: verdict, tries, evidence and warnings; the diff comes after it. Pure. `told` has the
 * failures of each try as they are shown, with their lines; without it they are the sentences of the result.
 */
export function renderTry(
  result: TryResult,
  summary: string,
  style: Style,
  told: readonly (readonly string[])[] = result.tries.map(({ failures }) => failures),
): readonly string[] {
  const { verdict, failure, tries, files, evidence, warnings, tokens } = result
  const said = failure?.message ?? summary
  const [first = '', ...more] = linesOf(said, told.flat())
  const lines: Line[] = [
    [span(verdict, looks[verdict] ?? 'red'), span('   '), span(first)],
    ...more.map((text): Line => [span(`         ${text}`)]),
    ...(failure === undefined
      ? []
      : [
          [span('reason', 'dim'), span(`   ${failure.reason}`)],
          [span('remedy', 'dim'), span(`   ${failure.remedy}`)],
        ]),
    ...tries.flatMap(({ kind, accepted }, at): readonly Line[] => [
      [
        span(at === 0 ? 'tries' : '     ', 'dim'),
        span(`    ${at + 1} ${kind.padEnd(6)} `),
        span(accepted ? 'accepted' : 'refused', accepted ? 'green' : 'red'),
      ],
      ...(told[at] ?? [])
        .flatMap((text) => notTwice(text, told, at))
        .map((text): Line => [span(`             ${text}`, 'dim')]),
    ]),
    ...evidence.map(
      ({ command, exitCode, passed, failed, unloaded = 0 }, at): Line => [
        span(at === 0 ? 'evidence' : '        ', 'dim'),
        span(
          ` ${command}: ${passed} passed, ${failed - unloaded} failed${unloaded === 0 ? '' : `, ${counted(unloaded, 'file')} could not be loaded`}, exit code ${exitCode}`,
        ),
      ],
    ),
    ...warnings
      .filter((text) => !said.includes(text))
      .map((text): Line => [span(`warning  ${text}`, 'yellow')]),
    ...(files.length === 0 ? [] : [[span('files', 'dim'), span(`    ${files.join(', ')}`)]]),
    [span('tokens', 'dim'), span(`   ${amount(tokens)}`)],
  ]
  return lines.map((line) => draw(line, style))
}

/** The lines of an end. Failures that are told below with their tries are only named. */
function linesOf(said: string, toldBelow: readonly string[]): readonly string[] {
  if (!said.includes('\n')) return [said]
  const failures = failuresIn(said)
  const titles = failures.map(titleOf)
  const told = new Set(toldBelow.map(titleOf))
  return titles.every((title) => told.has(title))
    ? [titles.join('; ')]
    : failures.flatMap((text) => text.split('\n'))
}

/** What an earlier try failed for already is named again, and told there. */
function notTwice(
  text: string,
  told: readonly (readonly string[])[],
  at: number,
): readonly string[] {
  const earlier = told.slice(0, at).findIndex((failures) => failures.includes(text))
  if (earlier === -1 || !text.includes('\n')) return text.split('\n')
  return [`${titleOf(text)}: as in try ${earlier + 1}`]
}

const titleOf = (failure: string): string => failure.split('\n', 1)[0] ?? ''
