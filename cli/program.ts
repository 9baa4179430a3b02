import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import type { GivenPlan } from '../core/api/devrequest.ts'
import {
  milliseconds,
  namespaceName,
  once,
  planExamples,
  refuseEmpty,
  requestName,
  submitCodes,
  tokens,
  tryExamples,
  upToFive,
  watchCodes,
} from './arguments.ts'
import { type Connection, type ConnectionFlags, connect } from './cluster/connection.ts'
import { tellAbsence } from './cluster/attendance.ts'
import { systemClock, systemRandom } from '../core/base/clock.ts'
import { showDiff } from './commands/diff.ts'
import { editPlan, setSuspend } from './commands/edit.ts'
import { fetchResult } from './commands/fetch.ts'
import { showList, showTree } from './commands/read.ts'
import { showLogs } from './commands/logs.ts'
import { type PlanFlags, showPlan } from './commands/plan.ts'
import {
  type RequestRef,
  type SubmitFlags,
  manifestFor,
  manifestsOf,
  priorityNames,
  refuseFieldsOf,
  submit,
} from './commands/submit.ts'
import { showTry } from './commands/try.ts'
import { watchRequest } from './commands/watch.ts'
import { explain, placed } from './explain.ts'
import { CliError, type ExitCode, exitCodes, interruptible } from './failure.ts'
import { readPlanFile } from './planning/request.ts'
import type { TryFlags } from './try/goal.ts'
import { sandboxKinds } from './try/sandbox.ts'
import { type Terminal, type TerminalFlags, processTerminal, workingDirectory } from './terminal.ts'

interface CommonFlags extends ConnectionFlags, TerminalFlags {
  readonly output?: string | undefined
}

/** What a command gets to work with. */
interface Session {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
}

/**
 * Runs `guild` with the arguments of a process.
 * Returns the exit code: 0 succeeded, 1 failed, 2 usage, 130 interrupted; at a time limit 3 when
 * the request waits for a person, else 124.
 */
export async function runGuild(argv: readonly string[]): Promise<number> {
  const interrupt = interruptible()
  let code: number = exitCodes.succeeded
  const finish = (result: ExitCode) => {
    code = result
  }
  try {
    await program(interrupt.signal, finish).parseAsync([...argv])
    return code
  } catch (error) {
    return explain(error, interrupt.signal)
  } finally {
    interrupt.end()
  }
}

function program(signal: AbortSignal, finish: (code: ExitCode) => void): Command {
  const guild = new Command('guild')
    .description('Talk to Guildhall: hand in work, watch it, read it and take the result home.')
    .version(`guild ${versionHere()}`, '--version', 'print the version')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError('(guild --help shows the commands)')

  const session = async <T>(
    flags: CommonFlags,
    work: (session: Session) => Promise<T>,
  ): Promise<T> => {
    const connection = await connect(flags, process.env, signal)
    try {
      return await work({ connection, terminal: processTerminal(flags, flags), signal })
    } catch (error) {
      throw placed(error, flags, connection.namespace)
    } finally {
      await connection.client.close()
    }
  }

  common(
    guild
      .command('submit')
      .description('hand in work, in plain language or as DevRequests in a file')
      .argument('[text]', 'what you want, and how you will know that it works')
      .option('-f, --file <file>', 'YAML with one or more DevRequests; - reads stdin')
      .option('--name <name>', 'name of the request; made from the text when left out')
      .addOption(
        new Option('--template <name>', 'start from a template').choices([
          'empty',
          'node',
          'python',
        ]),
      )
      .option('--repo <name>', 'work on a repository that the forge holds')
      .option('--git <url>', 'work on a repository that the forge can reach')
      .option('--ref <ref>', 'branch, tag or commit to start from, with --repo or --git')
      .addOption(new Option('--priority <priority>', 'place in the queue').choices(priorityNames))
      .option('--model <name>', "the model to use; the operator's default when left out")
      .option('--plan <file>', 'your own plan, as guild plan --save writes it; no model is asked')
      .option('--plan-only', 'stop after planning')
      .option(
        '--suspend',
        'plan, then wait for guild resume; until then guild edit can change the plan',
      )
      .option('--watch', 'stay and show the work until it ends')
      .option('--dry-run', 'have the API server check it and print it; nothing is stored')
      .addOption(outputs(['json']))
      .addHelpText('after', submitCodes),
  ).action(
    async (
      text: string | undefined,
      flags: CommonFlags &
        SubmitFlags & { file?: string; plan?: string; watch?: boolean; dryRun?: boolean },
    ) => {
      if ((text === undefined) === (flags.file === undefined)) {
        const both = text !== undefined
        throw new CliError(
          both ? 'give only one of a text and --file' : 'submit needs either a text or --file',
          {
            next: `guild submit ${both ? `--file ${flags.file}` : '"Write a function that …, with tests"'}`,
            exitCode: exitCodes.usage,
          },
        )
      }
      if (flags.file !== undefined) refuseFieldsOf(flags)
      const manifests =
        flags.file === undefined
          ? [manifestFor(text ?? '', flags, systemRandom, await planIn(flags.plan))]
          : await manifestsOf(flags.file, workingDirectory())
      await session(flags, async (open) => {
        const made = await submit({ ...open, ...flags, manifests })
        if (flags.dryRun) return
        const left = flags.watch ? new Set<string>() : await tellAbsences(open, made)
        for (const { name, namespace } of made) {
          const connection = { ...open.connection, namespace }
          if (flags.watch) finish((await watchRequest({ ...open, connection, name })).exitCode)
          else if (!left.has(namespace))
            open.terminal.next(nextOf({ name, namespace }, flags.suspend === true))
        }
      })
    },
  )

  plain(
    guild
      .command('plan')
      .description('plan a request without a cluster and print the tasks, the team and the order')
      .option('--request <text>', 'what you want, and how you will know that it works')
      .option('-f, --file <file>', 'YAML with one DevRequest, or plain text; - reads stdin')
      .option('--repo <dir>', 'the project to work on; an empty repository when left out')
      .option('--ollama <url>', 'the model server; $OLLAMA_HOST or http://127.0.0.1:11434')
      .option('--model <name>', 'the model to ask; when left out, the first that the server holds')
      .option(
        '--context <tokens>',
        "the model's context window; at most 8192 when left out",
        tokens,
      )
      .addOption(
        new Option('--tier <tier>', 'how able the model is; a weak one is not asked')
          .choices(['weak', 'basic', 'good'])
          .default('good'),
      )
      .option('--plan <file>', 'a file with your own units, as --save writes it; no model is asked')
      .option('--save <file>', 'write the units to a file that you can change')
      .option('--json', 'one JSON object: hash, source, waves, team, tasks, warnings')
      .option('-v, --verbose', 'print every word of the model')
      .addHelpText('after', planExamples),
  ).action(async (flags: PlanFlags & TerminalFlags) => {
    await showPlan({ terminal: processTerminal(flags), signal, cwd: workingDirectory(), flags })
  })

  plain(
    guild
      .command('try')
      .description('carry out a request on a git checkout, without a cluster')
      .option('--repo <dir>', 'the checkout to work on; work that is Done is left in its work tree')
      .option('--goal <text>', 'what you want, and how you will know that it works', once('--goal'))
      .option(
        '--files <paths>',
        'the files to write, as in a.js,b.js, besides tests and the usage section of the README; planned when left out',
        (paths: string, before: string | undefined) =>
          before === undefined ? paths : `${before},${paths}`,
      )
      .option('--type <type>', 'coding or testing: one specialist instead of the whole chain')
      .option('--test <command>', 'with --type coding: the tests of the checkout that decide')
      .option('--ollama <url>', 'the model server; $OLLAMA_HOST or http://127.0.0.1:11434')
      .option('--model <name>', 'the model to ask; when left out, the first that the server holds')
      .option(
        '--context <tokens>',
        "the model's context window; at most 8192 when left out",
        tokens,
      )
      .addOption(
        new Option('--tier <tier>', 'how able the model is; a weaker one has more tries')
          .choices(['weak', 'basic', 'good'])
          .default('good'),
      )
      .option(
        '--attempts <count>',
        'how often a task may be tried, 1 to 5; 1 when left out',
        upToFive,
      )
      .option(
        '--timeout <duration>',
        'end after this time, as in 30s, 10m, 2h; a number alone is seconds',
        milliseconds,
      )
      .addOption(
        new Option(
          '--sandbox <where>',
          'where the code of the project runs; auto: in a container if possible',
        )
          .choices(sandboxKinds)
          .default('auto'),
      )
      .option('--json', 'one JSON object: verdict, failure, tries, files, evidence, warnings, diff')
      .addHelpText('after', tryExamples),
  ).action(async (flags: TryFlags & TerminalFlags) => {
    const terminal = processTerminal(flags)
    finish(await showTry({ terminal, signal, cwd: workingDirectory(), flags }))
  })

  common(
    guild
      .command('list')
      .alias('ls')
      .description('show the requests of the namespace, newest last')
      .addOption(outputs(['json', 'wide'])),
  ).action(async (flags: CommonFlags) => {
    await session(flags, (open) => showList({ ...open, output: flags.output }))
  })

  common(
    guild
      .command('tree')
      .alias('get')
      .description('show one request with its plan and tasks, as it is now')
      .argument('<name>', 'a DevRequest; @latest is the newest', requestName)
      .addOption(outputs(['json'])),
  ).action(async (name: string, flags: CommonFlags) => {
    await session(flags, (open) => showTree({ ...open, name, output: flags.output }))
  })

  common(
    guild
      .command('watch')
      .description('show one request live until it ends; the exit code says how it ended')
      .argument('<name>', 'a DevRequest; @latest is the newest', requestName)
      .option(
        '--timeout <duration>',
        'stop watching after this time, as in 30s, 10m, 2h; a number alone is seconds',
        milliseconds,
      )
      .addHelpText('after', watchCodes),
  ).action(async (name: string, flags: CommonFlags & { timeout?: number }) => {
    await session(flags, async (open) => {
      finish((await watchRequest({ ...open, name, timeoutMs: flags.timeout })).exitCode)
    })
  })

  common(
    guild
      .command('logs')
      .description("print the operator's log, which also holds the lines of agents")
      .argument(
        '[name]',
        'a DevRequest; @latest is the newest; everything when left out',
        requestName,
      )
      .option('-f, --follow', 'stay, and print new lines as they come')
      .option('--task <task>', 'only lines about this task')
      .option('--agent <agent>', 'only lines of this agent')
      .option(
        '--since <duration>',
        'only lines of the last 30s, 10m, 2h; a number alone is seconds',
        milliseconds,
      )
      .addOption(outputs(['json'])),
  ).action(
    async (
      name: string | undefined,
      flags: CommonFlags & { follow?: boolean; task?: string; agent?: string; since?: number },
    ) => {
      await session(flags, (open) => showLogs({ ...open, ...flags, name, sinceMs: flags.since }))
    },
  )

  common(
    guild
      .command('edit')
      .description('change the plan of a suspended request, in $EDITOR or from a file')
      .argument('<name>', 'a DevRequest; @latest is the newest', requestName)
      .option('--plan <file>', 'the new plan, as guild plan --save writes it; - reads stdin'),
  ).action(async (name: string, flags: CommonFlags & { plan?: string }) => {
    await session(flags, (open) =>
      editPlan({ ...open, name, plan: flags.plan, cwd: workingDirectory() }),
    )
  })

  for (const [command, description] of [
    ['suspend', 'pause a request: running tasks finish, no other task starts'],
    ['resume', 'let a suspended request go on; from then on its plan cannot be changed'],
  ] as const)
    common(
      guild
        .command(command)
        .description(description)
        .argument('<name>', 'a DevRequest; @latest is the newest', requestName),
    ).action(async (name: string, flags: CommonFlags) => {
      const suspend = command === 'suspend'
      await session(flags, (open) => setSuspend({ ...open, name, suspend }))
    })

  common(
    guild
      .command('diff')
      .description('show the changes of a request, as git diff does')
      .argument('<name>', 'a DevRequest; @latest is the newest', requestName)
      .option('--task <task>', 'only the changes of this task')
      .option('--stat', 'only the names of files, and how many lines changed'),
  ).action(async (name: string, flags: CommonFlags & { task?: string; stat?: boolean }) => {
    await session(flags, (open) => showDiff({ ...open, ...flags, name }))
  })

  common(
    guild
      .command('fetch')
      .description('fetch the result branch into the current repository, or as a new clone')
      .argument('<name>', 'a DevRequest; @latest is the newest', requestName)
      .option('-d, --directory <directory>', 'make a new clone there')
      .option('--force', 'fetch even into the repository of Guildhall itself'),
  ).action(async (name: string, flags: CommonFlags & { directory?: string; force?: boolean }) => {
    await session(flags, (open) =>
      fetchResult({ ...open, ...flags, name, cwd: workingDirectory() }),
    )
  })

  guild
    .command('help', { hidden: true })
    .argument('[command]')
    .exitOverride()
    .action((name: string | undefined) => {
      const about = name === undefined ? guild : guild.commands.find((one) => isCalled(one, name))
      if (about === undefined)
        throw new CliError(`there is no command guild ${name}`, {
          next: 'guild --help   (shows the commands)',
          exitCode: exitCodes.usage,
        })
      about.outputHelp()
    })

  // An empty text that asks for work is answered with what such a text says.
  for (const command of guild.commands) refuseEmpty(command, ['request', 'goal'])
  return guild
}

const isCalled = (command: Command, name: string): boolean =>
  [command.name(), ...command.aliases()].includes(name)

function versionHere(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}

/**
 * Warns of each namespace with new requests in which no operator works. Returns these namespaces.
 */
async function tellAbsences(
  { connection, terminal, signal }: Session,
  made: readonly RequestRef[],
): Promise<ReadonlySet<string>> {
  const left = new Set<string>()
  for (const [namespace, requests] of Map.groupBy(made, (one) => one.namespace)) {
    const where = { client: connection.client, namespace, signal }
    const only = requests.length === 1 ? requests[0]?.name : undefined
    if (await tellAbsence(where, systemClock, terminal, only)) left.add(namespace)
  }
  return left
}

function nextOf({ name, namespace }: RequestRef, isSuspended: boolean): string {
  return `guild ${isSuspended ? 'edit' : 'watch'} ${name} -n ${namespace}`
}

async function planIn(file: string | undefined): Promise<GivenPlan | undefined> {
  return file === undefined ? undefined : readPlanFile(file, workingDirectory())
}

function common(command: Command): Command {
  return plain(
    command
      .option(
        '-n, --namespace <namespace>',
        'namespace of Guildhall; that of the context when left out, else guildhall',
        namespaceName,
      )
      .option('--kubeconfig <file>', 'kubeconfig; $KUBECONFIG or ~/.kube/config when left out')
      .option('--context <name>', 'context in the kubeconfig'),
  )
}

/** What every command takes. */
function plain(command: Command): Command {
  return command
    .option('--no-color', 'print no colours; NO_COLOR=1 does the same')
    .option('--ascii', 'draw trees with ASCII characters only')
    .exitOverride()
    .showHelpAfterError(`(guild ${command.name()} --help shows its options)`)
}

const outputs = (choices: readonly string[]): Option =>
  new Option('-o, --output <format>', 'print the result in another form').choices(choices)
