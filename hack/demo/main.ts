// npm run demo: from nothing to a delivered branch, in one command.
import { Command, InvalidArgumentError, Option } from 'commander'
import { connect } from '../../cli/cluster/connection.ts'
import { exitCodes, interruptible } from '../../cli/failure.ts'
import { milliseconds } from '../../cli/arguments.ts'
import { isRehearsal } from '../../core/view/request.ts'
import { processTerminal } from '../../cli/terminal.ts'
import { nameProblem } from '../../core/api/schema.ts'
import { providerNames } from '../cluster/provider.ts'
import { installChart } from './chart-step.ts'
import { closing, explain, interruptedLines, Steps } from './steps.ts'
import { bringCluster, provideImages } from './cluster-step.ts'
import { chooseModel, firstSettings, withOllama } from './model-step.ts'
import { showPlanningCall } from './planning-call-step.ts'
import { cloneResult, showResult, type Delivered, example, runStory } from './story-step.ts'

interface Flags {
  readonly provider?: string
  readonly model?: string
  readonly namespace: string
  readonly timeout: number
  readonly keep: boolean
}

const program = new Command('demo')
  // Nothing is begun for a mistake on the command line.
  .exitOverride(({ exitCode }) =>
    process.exit(exitCode === 0 ? exitCodes.succeeded : exitCodes.usage),
  )
  .showHelpAfterError()
  .description(
    'Starts a cluster, installs Guildhall, hands in examples/hello.yaml and shows the work.',
  )
  .addOption(
    new Option('--provider <name>', 'the cluster; chosen by itself when left out').choices(
      providerNames,
    ),
  )
  .option('--model <name>', 'the model; "rehearsal" answers from scripts')
  .option('--namespace <name>', 'where it is installed', namespaceName, 'guildhall')
  .addOption(
    new Option('--timeout <duration>', 'longest time for the work itself')
      .argParser(milliseconds)
      .default(1_800_000, '30m'),
  )
  .option('--keep', 'leave the cluster up afterwards; so it is unless told otherwise', true)
  .option('--no-keep', 'remove the cluster once all went well')

const interrupt = interruptible()
const steps = new Steps(7)
program.action((flags: Flags) => run(flags))
try {
  await program.parseAsync()
} catch (error) {
  const stopped = interrupt.signal.aborted
  for (const line of stopped ? interruptedLines() : explain(error, steps.elapsed())) {
    steps.log.line(line)
  }
  process.exitCode = stopped ? exitCodes.interrupted : exitCodes.failed
} finally {
  interrupt.end()
}

function namespaceName(name: string): string {
  const problem = nameProblem(name)
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`)
  return name
}

async function run(flags: Flags): Promise<void> {
  const { signal } = interrupt
  const { namespace } = flags
  const cluster = await steps.run('A cluster', (log) =>
    bringCluster(flags.provider, { log, signal }),
  )
  const images = await steps.run('Images', (log) => provideImages(cluster, { log, signal }))
  const { kubeconfig } = cluster
  const connection = await connect({ kubeconfig, namespace })
  let delivered: Delivered | undefined
  let isNamed = false
  try {
    const { client } = connection
    const model = {
      connection,
      wanted: flags.model,
      // Pods of the native cluster have no route to anywhere else.
      canReachOutside: cluster.provider.name !== 'native',
      signal,
    }
    const install = { client, kubeconfig, namespace, images, signal }
    const first = await steps.run('Guildhall, by its Helm chart', async (log) => {
      const settings = await firstSettings({ ...model, log })
      await installChart({ ...install, model: settings, log })
      return settings
    })
    await steps.run('The model', async (log) => {
      const chosen = await chooseModel({ ...model, log }, first)
      if (JSON.stringify(chosen) !== JSON.stringify(first)) {
        await installChart({ ...install, model: chosen, log })
      }
    })
    const { request } = await steps.run(`The work: ${example}`, (log) =>
      runStory({
        connection,
        terminal: processTerminal({}),
        timeoutMs: flags.timeout,
        log,
        signal,
      }),
    )
    delivered = await cloneResult({ connection, request, signal })
    const clone = delivered
    await steps.run('One planning question to a real model', async (log) => {
      // The model that stands in the request, not the chosen one: a person may have changed the
      // chart meanwhile.
      const { model: used, plan } = request.status ?? {}
      if (!isRehearsal(used)) {
        const by = plan?.source === 'model' ? 'it planned the work above' : 'it was asked above'
        log.line(`not needed: ${used ?? 'the model'} is a real model, and ${by}`)
        return
      }
      await withOllama(connection, signal, (url) =>
        showPlanningCall({ ...clone, url, request: request.spec.request, log, signal }),
      )
    })
    isNamed = true
    await steps.run('The result', (log) => showResult(clone, { log, signal }))
    isNamed = false
    for (const line of closing({ request, namespace, elapsed: steps.elapsed() }))
      steps.log.line(line)
  } finally {
    // Where its tests fail, the words of the failure lead there.
    if (!isNamed || signal.aborted) await delivered?.remove()
    await connection.client.close()
  }
  if (!flags.keep) await cluster.provider.down({ log: steps.log, signal, purge: false })
}
