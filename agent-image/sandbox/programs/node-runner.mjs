// Runs test files, or loads modules, one after the other, each in a process of its own (node-child.mjs), and writes a
// report that only it can seal. Children tell it what happened over a descriptor; their output is thrown away.
//
//   node --disable-sigusr1 node-runner.mjs REPORT < settings
//
// `settings` is one JSON object: see `NodeSettings` in agent/verify/runner.ts. The report holds one JSON object a line:
//   {"kind":"test","file","number","name","from","status":"pass|fail|skip","message","expected","actual","frame",
//    "derived","asserted","swallowed"}      `from`: the file that defines it, when that is another one
//   {"kind":"late","file","number","message","frame"}    an error after the test `number`, or after any, had ended
//   {"kind":"unrun","file","why","needs"}   it could not be run, or there is nothing to run in it
//   {"kind":"file","file","finished","failed","untrusted","message","frame"}    exactly one for each file
//   {"kind":"rest","file"}                  in the place of that: there was no time to begin with it
//   {"kind":"load","file","outcome","message","frame"}   what came of loading a module
//   {"kind":"end","mac"}                    HMAC-SHA256 of all lines before this one
import { spawn, spawnSync } from 'node:child_process'
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync, realpathSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const childProgram = fileURLToPath(new URL('./node-child.mjs', import.meta.url))
const settings = JSON.parse(readFileSync(0, 'utf8'))
const { mode, limits } = settings
// Node names files by their real paths.
const root = realpathSync(settings.root)
const report = openSync(process.argv[2], 'w')
const mac = createHmac('sha256', settings.key)
const deadline = performance.now() + limits.commandMs
let failed = false

function write(line) {
  const text = `${JSON.stringify(line)}\n`
  mac.update(text)
  writeSync(report, text)
}

for (const entry of settings.files) {
  if (performance.now() > deadline - 1000) write({ kind: 'rest', file: entry.path })
  else if (mode === 'test') tellTests(entry.path, await runChild(entry))
  else tellLoaded(entry.path, await runChild(entry))
}
writeSync(report, `${JSON.stringify({ kind: 'end', mac: mac.digest('hex') })}\n`)
closeSync(report)
process.exit(failed ? 1 : 0)

/** Runs a child for one file; resolves with all it told, and how it ended. */
function runChild({ path, cwd, setup: index }) {
  const { nodeArgs, env, frameworks } = settings.setups[index]
  const { flags, ...setup } = splitFlags(nodeArgs)
  const nonce = randomBytes(24).toString('hex')
  const word = () => `c${randomBytes(9).toString('hex')}`
  const canaries = {
    fails: word(),
    passes: word(),
    message: word(),
    value: word(),
    other: word(),
  }
  const file = join(root, path)
  const told = {
    frameworks,
    tests: [],
    late: [],
    canary: {},
    tampered: [],
    canaries,
    foreign: 0,
    errors: '',
  }
  const child = spawn(
    process.execPath,
    [...flags, '--experimental-transform-types', childProgram],
    {
      cwd: join(root, cwd),
      env: { ...process.env, ...env },
      // A group of its own: whatever it leaves behind is ended with it.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    },
  )
  child.stdin.on('error', () => {})
  child.stdin.end(
    JSON.stringify({
      nonce,
      mode,
      root,
      rootUrl: `${pathToFileURL(root).href}/`,
      file,
      url: pathToFileURL(file).href,
      canaries,
      testMs: limits.testMs,
      linked: settings.linked,
      ...setup,
    }),
  )
  child.stderr.on('data', (chunk) => {
    told.errors = `${told.errors}${chunk}`.slice(-6000)
  })
  return new Promise((resolve) => {
    let heardAt = performance.now()
    const total = mode === 'test' ? limits.fileMs : limits.loadMs
    const end = heardAt + total
    const timer = setInterval(() => {
      const silent = performance.now() - heardAt > limits.silenceMs
      if (!silent && performance.now() < end) return
      told.stopped = silent ? limits.silenceMs : total
      killGroup(child.pid)
    }, 100)
    const listen = lineReader(nonce, (line) => {
      heardAt = performance.now()
      hear(told, line)
    })
    child.stdio[3].on('data', (chunk) => {
      told.foreign += listen(chunk)
    })
    child.stdio[3].on('error', () => {})
    const settle = () => {
      clearInterval(timer)
      child.stderr.destroy()
      child.stdio[3].destroy()
      resolve(told)
    }
    child.once('error', (error) => {
      told.errors = error.message
      settle()
    })
    child.once('exit', (code, signal) => {
      told.code = code
      told.signal = signal
      killGroup(child.pid)
      // All that it wrote is there already; a process that got away may hold the descriptor open.
      if (child.stdio[3].closed) return settle()
      const late = setTimeout(settle, 500)
      child.stdio[3].once('close', () => {
        clearTimeout(late)
        settle()
      })
    })
  })
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

/** Takes chunks of a channel, gives each line that its child wrote to `take`, and counts the others. */
function lineReader(nonce, take) {
  let pending = Buffer.alloc(0)
  let sequence = 0
  return (chunk) => {
    let foreign = 0
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let end = pending.indexOf(10); end !== -1; end = pending.indexOf(10)) {
      const text = pending.subarray(0, end).toString('utf8')
      pending = pending.subarray(end + 1)
      const body = text.slice(65)
      const code = createHash('sha256').update(`${nonce}${sequence}${body}${nonce}`).digest('hex')
      if (text.slice(0, 64) === code) {
        sequence++
        take(JSON.parse(body))
      } else foreign++
    }
    if (pending.length > 1_000_000) {
      pending = Buffer.alloc(0)
      foreign++
    }
    return foreign
  }
}

function hear(told, { kind, ...line }) {
  if (kind === 'start') told.running = line.name
  else if (kind === 'test') {
    if (line.name === told.running) told.running = undefined
    told.tests.push(line)
  } else if (kind === 'late') told.late.push(line)
  else if (kind === 'canary') told.canary[line.which] = line
  else if (kind === 'tampered') told.tampered.push(line.what)
  else if (kind === 'exit') told.exit ??= { ...line, running: told.running }
  else if (kind === 'unloaded') told.unloaded = line
  else if (kind === 'finished') told.finished = line
}

/** Writes what came of a test file. */
function tellTests(file, told) {
  const { unloaded, finished } = told
  for (const { needs, ...line } of told.tests)
    write({ kind: 'test', file, ...line, ...(needs === undefined ? {} : whyMissing(needs)) })
  for (const line of told.late) write({ kind: 'late', file, ...line })
  const distrust = whyNotBelieved(told)
  const ending = { kind: 'file', file, finished: true, failed: false }
  if (distrust !== undefined) {
    Object.assign(ending, { failed: true, untrusted: true, message: distrust })
  } else if (unloaded !== undefined) {
    const { why, needs, ...problem } = judged(told)
    if (why !== undefined) write({ kind: 'unrun', file, why, ...(needs ? { needs } : {}) })
    else Object.assign(ending, { finished: false, failed: true, ...problem })
  } else if (finished === undefined) {
    const message = unfinished(told)
    const running = told.exit === undefined ? told.running : told.exit.running
    // The test that was running is the one to look at.
    if (running !== undefined)
      write({ kind: 'test', file, number: 0, name: running, status: 'fail', message })
    Object.assign(ending, { finished: false, failed: true, message })
  } else if (finished.tests === 0 && told.late.length === 0) {
    write({ kind: 'unrun', file, why: 'there are no tests in it' })
  }
  write(ending)
  failed ||=
    ending.failed || told.late.length > 0 || told.tests.some((one) => one.status === 'fail')
}

/** Why no pass of the file counts; undefined when all is as it should be. */
function whyNotBelieved({ canary, canaries, tampered, tests, foreign, finished }) {
  const because = (what) => `the results of this file cannot be believed: ${what}`
  if (foreign > 0) return because('something in the project wrote to the channel of the results')
  if (tampered.length > 0)
    return because(`something in the project replaced ${tampered.join(', ')}`)
  if (canary.fails?.status === 'pass') return because('a test that has to fail passed in it')
  if (finished === undefined || !tests.some((one) => one.status === 'pass')) return undefined
  if (canary.fails?.status !== 'fail' || !canary.fails.message.startsWith(canaries.message))
    return because('a test that has to fail did not run in it as it should')
  if (canary.passes?.status !== 'pass') return because('a test that has to pass failed in it')
  return undefined
}

/** Why a child is gone that did not say that it was at its end. */
function unfinished({ stopped, exit, code, signal, errors, running }) {
  const name = exit === undefined ? running : exit.running
  const during = name === undefined ? '' : ` while “${name.slice(0, 200)}” was running`
  if (stopped !== undefined)
    return `it did not end within ${Math.round(stopped / 1000)} seconds${during}, and was stopped`
  if (exit !== undefined && (exit.code === 0 || errors === ''))
    return `it ended its own process with exit code ${exit.code}${during}`
  if (code === 13)
    return 'it was never loaded to its end: something at its top level is awaited for ever'
  const how = signal === null ? `exit code ${code}` : `the signal ${signal}`
  return `its process ended with ${how}${during}${errors === '' ? '' : `\n${words(errors)}`}`
}

/** A failure to load: `{why, needs}` when nothing can be said of the file here, else `{message, frame}`. */
function judged({ unloaded, frameworks }) {
  const { needs, why, global, browser, source, ...problem } = unloaded
  if (why !== undefined) return { why }
  if (needs !== undefined) return whyMissing(needs)
  if (global !== undefined) {
    const known = frameworks[0]
    const what = known ?? 'a test framework such as jest, mocha or vitest'
    return { why: `it needs ${what}, which is not installed`, ...(known ? { needs: known } : {}) }
  }
  if (browser !== undefined && mode === 'load')
    return { why: `it uses “${browser}”, which only browsers have` }
  if (
    source !== undefined &&
    problem.message?.includes('Invalid or unexpected token') &&
    hasDecorators(source)
  )
    return { why: 'it needs decorators, which Node cannot run' }
  if (source === undefined || !/\.[mc]?js$/.test(source)) return problem
  // V8 tells the place of a syntax error to nobody but the terminal.
  const checked = spawnSync(process.execPath, ['--check', source], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  const lines = checked.stderr.split('\n')
  const caret = lines.findIndex((text) => /^\s*\^+\s*$/.test(text))
  const at = /^(.*):(\d+)$/.exec(lines[0] ?? '')
  if (checked.status === 0 || caret < 1 || at === null) return problem
  if (/^<(?:[A-Za-z]|>|\/)/.test(lines[caret - 1].slice(lines[caret].indexOf('^'))))
    return { why: 'it needs JSX, which Node cannot run' }
  const frame = { file: source.slice(root.length + 1), line: Number(at[2]) }
  return { ...problem, message: words(checked.stderr), frame }
}

/** What is said of a package that is not there. */
function whyMissing(needs) {
  if (/^[@~]\//.test(needs))
    return { why: `it imports ${needs}, an alias that Node does not know`, needs }
  if (!Object.hasOwn(settings.linked, needs))
    return { why: `it needs ${needs}, which is not installed`, needs }
  // It is found in its folder whether it is linked or not, so that what it names as its entry is missing.
  const folder = settings.linked[needs]
  const why = `it needs ${needs}, the package of this repository in ${folder}, whose entry is not there: it may have to be built first`
  return { why, needs }
}

function hasDecorators(path) {
  try {
    return /^[ \t]{0,40}@[A-Za-z_$]/m.test(
      readFileSync(path, 'utf8').replaceAll(/\/\*[^]*?\*\//g, ''),
    )
  } catch {
    return false
  }
}

function words(text) {
  return text
    .replaceAll(`${root}/`, '')
    .split('\n')
    .filter((line) => !/^\s+at |^Node\.js v|^\s*$|^\(Use `node|ExperimentalWarning/.test(line))
    .slice(0, 12)
    .join('\n')
    .slice(0, 2000)
}

/** Writes what came of loading a module. */
function tellLoaded(file, told) {
  const line = { kind: 'load', file, outcome: 'loaded', message: '' }
  const { unloaded } = told
  const ended = told.finished !== undefined || told.exit !== undefined
  if (unloaded !== undefined) {
    const { why, message, frame } = judged(told)
    if (why !== undefined) Object.assign(line, { outcome: 'unloadable', message: why })
    else Object.assign(line, { outcome: 'failed', message, ...(frame ? { frame } : {}) })
  } else if (told.late[0] !== undefined) {
    const { message, frame } = told.late[0]
    Object.assign(line, { outcome: 'failed', message, ...(frame ? { frame } : {}) })
  } else if (!ended) Object.assign(line, { outcome: 'failed', message: unfinished(told) })
  write(line)
}

/** Node's own flags, and what the project's test command has loaded beforehand: the child does that, after it is ready. */
function splitFlags(args) {
  const split = { flags: [], imports: [], requires: [], loaders: [], envFiles: [] }
  // TypeScript is run by Node itself here.
  const typescript = /^(?:tsx|ts-node|@swc-node|esbuild-register|@esbuild-kit|@oxc-node)(?:\/|$)/
  for (const arg of args) {
    const [, name = '', value = ''] = /^(--?[\w-]+)(?:=([^]*))?$/.exec(arg) ?? []
    if (name === '--env-file') split.envFiles.push(value)
    else if (name === '--env-file-if-exists') split.envFiles.push(`?${value}`)
    else if (!['--import', '--require', '--loader'].includes(name)) split.flags.push(arg)
    else if (!typescript.test(value)) split[`${name.slice(2)}s`].push(value)
  }
  return split
}
