// Runs one of our TypeScript programs from a clean clone: installs what package-lock.json names when it is not there
// yet, and starts the program with Node 24 (the machine's own, or the npm package `node` when that is older).
//
// Plain JavaScript on purpose: this file is all that an old Node sees.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const wantMajor = 24
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [script, ...args] = process.argv.slice(2)
if (!script) {
  console.error('usage: node hack/run.mjs SCRIPT.ts [arguments], or node hack/run.mjs --version')
  process.exit(2)
}

refuseSwallowed()
install()
const node = nodeBinary()
// `--version` only installs, and says which Node the programs get.
const program = script === '--version' ? script : join(root, script)
const child = spawn(node, [program, ...args], {
  stdio: 'inherit',
  env: {
    // Compiled once and not at every start: this halves the time that the programs take to start, and tests start many.
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'),
    ...process.env,
    PATH: `${dirname(node)}:${join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
  },
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))

/**
 * `npm test --fast` without `--` before the option: npm takes it for one of its own, and the program would run without it.
 * npm leaves such options in the environment.
 */
function refuseSwallowed() {
  const ours =
    'agent agents ascii attempts bug bugs check context crash-points depths directory dry-run engine exhaustive fast file files follow git goal jobs keep kubeconfig load model name namespace ollama one-by-one only plan plan-only priority profile provider purge purge-cache quick ref repo request sandbox save seconds seed seeds since stat story suspend task tasks template test tier timeout type watch whole'
  // npm knows these itself, and sets some of them.
  const npms = new Set(['dry-run', 'git'])
  const swallowed = ours
    .split(' ')
    .find((name) => !npms.has(name) && `npm_config_${name.replaceAll('-', '_')}` in process.env)
  if (swallowed === undefined) return
  const { npm_lifecycle_event: name = 'SCRIPT' } = process.env
  const command = name === 'test' ? 'npm test' : `npm run -s ${name}`
  console.error(
    `npm took --${swallowed} for an option of its own; write: ${command} -- --${swallowed} …`,
  )
  process.exit(2)
}

/** Installs the locked dependencies, once per lock file. Says so on stderr: stdout belongs to the program. */
function install() {
  const stamp = join(root, 'node_modules/.guildhall-lock')
  const want = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return
  console.error('installing npm dependencies (once, about a minute) …')
  // Not `npm ci`: it insists that the lock names the binaries of every platform (formatter, linter, bundler), and a
  // registry may hold only some of them. `install --no-save` takes the locked versions and leaves the lock as it is.
  const run = spawnSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    },
  )
  if (run.status !== 0) {
    console.error(
      'npm install failed; see the lines above. When a package is out of reach, check: npm ping',
    )
    process.exit(run.status ?? 1)
  }
  writeFileSync(stamp, want)
}

/** The path of a Node that is new enough: this one, else the one the npm package `node` brought. */
function nodeBinary() {
  if (Number(process.versions.node.split('.')[0]) >= wantMajor) return process.execPath
  const packaged = join(root, 'node_modules/node/bin/node')
  if (existsSync(packaged)) return packaged
  console.error(
    `Node ${wantMajor} is needed and the npm package 'node' brought none; install Node ${wantMajor} or run: npm install`,
  )
  process.exit(1)
}
