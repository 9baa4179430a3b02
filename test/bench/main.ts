// `npm run bench`: the floor of this machine, and the operator against it.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { execa } from 'execa'
import { problemsOf } from '../../core/api/value-problems.ts'
import { UsageError, runProgram } from '../../core/base/command-line.ts'
import { fileProblem } from '../../core/base/file-problem.ts'
import { parts } from '../../hack/native-cluster/parts.ts'
import { labUnavailable } from '../lab/control-plane.ts'
import { floorSuite, type OnRun } from './floor/suite.ts'
import { gatewayReport, type GatewayResults } from './gateway/results.ts'
import { gatewaySuite } from './gateway/suite.ts'
import { buildOperator } from './operator/contender.ts'
import { countRequests } from './operator/facts.ts'
import { measureRecovery } from './operator/recovery.ts'
import { operatorSuite } from './operator/suite.ts'
import { parseOptions, usage, type Options, type Part } from './options.ts'
import { fillIn, sectionsOf, type Reasons } from './report/document.ts'
import { plotsOf } from './report/plots.ts'
import { figure } from './report/figures.ts'
import {
  Stages,
  recordOf,
  results as resultsShape,
  type Results,
  type RunRecord,
} from './results.ts'

const root = join(import.meta.dirname, '../..')
const documentFile = join(root, 'docs/performance.md')
const plotDirectory = join(root, 'docs/bench')

type Run = Extract<Options, { readonly kind: 'floor' | 'operator' }>

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  switch (options.kind) {
    case 'help':
      console.log(usage)
      return 0
    case 'wrong':
      console.error(`${options.message}\n\n${usage}`)
      return 2
    case 'report':
      await report(await readResults(options.file))
      return 0
    case 'gateway':
      await measureGateway(options)
      return 0
    case 'floor':
    case 'operator':
      return run(options)
  }
}

async function measureGateway({
  quick,
  json,
}: Extract<Options, { readonly kind: 'gateway' }>): Promise<void> {
  const found: GatewayResults = {
    date: new Date().toISOString(),
    commit: await commit(),
    quick,
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    node: process.versions.node,
    ...(await gatewaySuite({ quick })),
  }
  console.log(`\n${gatewayReport(found)}`)
  if (json !== undefined) await keep(json, found)
}

async function keep(json: string, found: object): Promise<void> {
  const file = resolve(root, json)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify(found)}\n`)
}

async function run(options: Run): Promise<number> {
  const unavailable = labUnavailable()
  if (unavailable !== undefined) {
    console.error(unavailable)
    return 1
  }
  const begun = Date.now()
  const records: RunRecord[] = []
  const stages = new Stages()
  const onRun: OnRun = (measurement) => {
    const record = recordOf(measurement)
    records.push(record)
    console.error(line(record))
  }
  const found =
    options.kind === 'floor'
      ? await runFloor(options, onRun, stages)
      : await runOperator(options, onRun, stages)
  const results: Results = {
    command: options.kind,
    quick: options.quick,
    date: new Date().toISOString(),
    commit: await commit(),
    seconds: (Date.now() - begun) / 1000,
    machine: {
      cores: cpus().length,
      memoryBytes: totalmem(),
      processor: cpus()[0]?.model ?? 'unknown',
      node: process.versions.node,
      kubernetes: parts.find(({ name }) => name === 'kube-apiserver')?.version ?? '',
      etcdInMemory: found.inMemory,
    },
    agents: options.agents,
    troubles: stages.troubles,
    records,
    facts: found.facts ?? {},
    ...(found.audit === undefined ? {} : { audit: found.audit }),
  }
  print(results, await readReasons())
  if (options.json !== undefined) {
    await keep(options.json, results)
    console.log(`\nwritten: ${options.json}; next: npm run bench -- report ${options.json}`)
  }
  return stages.troubles.length === 0 ? 0 : 1
}

type Found = Pick<Results, 'audit'> & {
  readonly inMemory: boolean
  readonly facts?: Results['facts']
}

async function runFloor(options: Run, onRun: OnRun, stages: Stages): Promise<Found> {
  const first = await floorSuite(options, onRun)
  if (!options.quick) await stages.attempt('floor again', async () => floorSuite(options, onRun))
  return first
}

async function runOperator(options: Run, onRun: OnRun, stages: Stages): Promise<Found> {
  const { only, quick, profile } = options
  const wants = (part: Part): boolean =>
    only === part || (only === undefined && (!quick || part === 'work'))
  const built = await buildOperator()
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`]
  const program = { ...built, nodeArguments: [...built.nodeArguments, ...flags] }
  const floor = only === undefined ? await floorSuite(options, onRun) : undefined
  const work = wants('work')
    ? await stages.attempt('operator', async () => operatorSuite(options, onRun, program, stages))
    : undefined
  if (only === undefined)
    await stages.attempt('floor again', async () =>
      floorSuite(options, onRun, work?.halfLoadWrites),
    )
  const audit = wants('count')
    ? await stages.attempt('count of requests', async () => countRequests(options, built))
    : undefined
  const recovery = wants('recovery')
    ? await stages.attempt('recovery', async () => measureRecovery(built))
    : undefined
  return { inMemory: floor?.inMemory ?? true, facts: { ...work?.facts, ...recovery }, audit }
}

/** What a person who waits sees of each run. */
function line({ contender, workload, tasks, made, tasksPerSecond, dispatch }: RunRecord): string {
  const latency =
    dispatch === null
      ? ''
      : `, dispatch p50 ${figure(dispatch.p50, 'ms')} p99 ${figure(dispatch.p99, 'ms')}`
  return `${contender} ${workload.name}: ${tasks} of ${made} tasks, ${figure(tasksPerSecond)} tasks/s${latency}`
}

function print(results: Results, reasons: Reasons): void {
  const { run: what, plots: _plots, ...tables } = sectionsOf(results, reasons)
  const { goals, ...rest } = tables
  const parts = [what, ...(results.command === 'operator' ? [goals] : []), ...Object.values(rest)]
  console.log(`\n${parts.join('\n\n')}`)
}

async function report(results: Results): Promise<void> {
  await mkdir(plotDirectory, { recursive: true })
  for (const { file, svg } of plotsOf(results)) await writeFile(join(plotDirectory, file), svg)
  const text = await readFile(documentFile, 'utf8')
  await writeFile(documentFile, fillIn(text, sectionsOf(results, await readReasons())))
  console.log('docs/performance.md is filled in; the plots are in docs/bench')
}

/** Errors: `UsageError` for a file that holds something else. */
async function readResults(file: string): Promise<Results> {
  const wrong = (why: string) => (cause: unknown) => {
    throw new UsageError(`${file} ${why}: ${fileProblem(cause)}`, { cause })
  }
  const text = await readFile(resolve(file), 'utf8').catch(wrong('cannot be read'))
  try {
    const { success, data, error } = resultsShape.safeParse(JSON.parse(text))
    if (success) return data
    throw new Error(problemsOf(error).split('; ')[0])
  } catch (error) {
    return wrong('holds no results of a run')(error)
  }
}

async function readReasons(): Promise<Reasons> {
  return JSON.parse(await readFile(join(plotDirectory, 'reasons.json'), 'utf8')) as Reasons
}

async function commit(): Promise<string> {
  const { stdout } = await execa('git', ['describe', '--always', '--dirty', '--exclude=*'], {
    cwd: root,
    reject: false,
  })
  return stdout || 'unknown'
}

// Everything that was started is tied to this process and ends with it.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
await runProgram(usage, main)
