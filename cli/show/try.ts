import { counted } from '../../operator/api/counted.ts'
import type { TryResult } from '../try/outcome.ts'
import { amount } from './figures.ts'
import { draw, span, type Line, type Paint, type Style } from './style.ts'

const looks: Readonly<Partial<Record<TryResult['verdict'], Paint>>> = {
  Done: 'green',
  AlreadyDone: 'cyan',
  NothingChanged: 'cyan',
  Unchecked: 'yellow',
}

/** The result of `guild try` for people: verdict, tries, evidence and warnings; the diff comes after it. Pure. */
export function renderTry(result: TryResult, summary: string, style: Style): readonly string[] {
  const { verdict, failure, tries, files, evidence, warnings, tokens } = result
  const said = failure?.message ?? summary
  const lines: Line[] = [
    [span(verdict, looks[verdict] ?? 'red'), span('   '), span(said)],
    ...(failure === undefined
      ? []
      : [
          [span('reason', 'dim'), span(`   ${failure.reason}`)],
          [span('remedy', 'dim'), span(`   ${failure.remedy}`)],
        ]),
    ...tries.flatMap(({ kind, accepted, failures }, at): readonly Line[] => [
      [
        span(at === 0 ? 'tries' : '     ', 'dim'),
        span(`    ${at + 1} ${kind.padEnd(6)} `),
        span(accepted ? 'accepted' : 'refused', accepted ? 'green' : 'red'),
      ],
      ...failures.map((text): Line => [span(`             ${text}`, 'dim')]),
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
