import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withLock } from '../cluster/lock.ts'
import { type Log, timed } from '../cluster/log.ts'
import { ensurePackages } from '../native-cluster/packages.ts'
import { cacheDirectory } from '../cluster/paths.ts'
import { aptSources, sourcesList } from './apt-sources.ts'
import { run, succeeds } from './command.ts'
import { contentHash } from './content-hash.ts'
import type { Engine, LocalImages } from './engine.ts'
import { packageVersion, repository } from './repository.ts'

/** What an image starts from: plain Debian, or Debian with Node. */
export type BaseKind = 'debian' | 'node'

/** What making a base image needs. */
interface BaseOptions {
  readonly engine: Engine & { readonly local: LocalImages }
  readonly log: Log
  readonly signal?: AbortSignal
}

const codename = 'bookworm'
const npmVersion = '11.19.1'
const nodeDockerfile = join(repository, 'hack/images/node-base.Dockerfile')

// Changing any of this makes a new base image: it is hashed into the tag.
const recipe = {
  codename,
  include: ['ca-certificates'],
  // The same that Debian's own slim images leave out, also for packages that a Dockerfile adds later.
  dpkg: `path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/lintian/*
`,
  apt: `Acquire::Languages "none";\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n`,
  clean: [
    'find usr/share/doc -type f ! -name copyright -delete',
    'find usr/share/doc -type l -delete; find usr/share/doc -type d -empty -delete',
    'rm -rf usr/share/man/* usr/share/info/* usr/share/locale/* usr/share/lintian',
    'rm -rf var/cache/apt/*.bin var/cache/apt/archives/*.deb var/lib/apt/lists/* var/cache/debconf/*-old',
    'rm -rf var/log/*.log var/log/apt dev/* etc/hostname etc/resolv.conf',
  ].join('\n'),
}

/**
 * The reference of a base image made on this machine, for where no registry is reached; what an image's hash includes.
 *
 * Holds the hash of the recipe, so that a changed recipe is a different image.
 */
export async function localBaseReference(kind: BaseKind): Promise<string> {
  if (kind === 'debian') {
    return `localhost/debian:${codename}-slim-${hash(JSON.stringify(recipe))}`
  }
  const parts = [
    await localBaseReference('debian'),
    await packageVersion(join(repository, 'node_modules/node/package.json')),
    npmVersion,
    await readFile(nodeDockerfile, 'utf8'),
  ]
  return `localhost/node:24-${codename}-slim-${hash(parts.join('\n'))}`
}

/**
 * Makes the local base image if the engine does not hold it, and returns its reference.
 *
 * The first time takes about a minute and root: the root file system comes from debootstrap, from the archive that the
 * machine's own apt uses; the Node program is the one of the npm package `node`.
 */
export async function ensureLocalBase(kind: BaseKind, options: BaseOptions): Promise<string> {
  const { engine, log, signal } = options
  const reference = await localBaseReference(kind)
  if (await engine.local.has(reference, signal)) return reference
  await withLock(
    join(cacheDirectory(), 'base', `lock-${kind}`),
    async () => {
      if (await engine.local.has(reference, signal)) return
      if (kind === 'debian') {
        const tar = await ensureRootfs(options)
        await timed(log, `making ${reference}`, () =>
          engine.local.importRootfs(tar, reference, signal),
        )
      } else {
        const base = await ensureLocalBase('debian', options)
        await timed(log, `making ${reference}`, () => buildNode(reference, base, options))
      }
    },
    {
      ...(signal && { signal }),
      waiting: (pid) => log.line(`process ${pid} is making a base image; waiting for it`),
    },
  )
  return reference
}

async function ensureRootfs({ log, signal }: BaseOptions): Promise<string> {
  const directory = join(cacheDirectory(), 'base')
  const tar = join(directory, `debian-${codename}-slim-${hash(JSON.stringify(recipe))}.tar`)
  if (existsSync(tar)) return tar
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('making a base image needs root on Linux; run this as root, or start Docker')
  }
  const options = signal ? { signal } : {}
  await ensurePackages(['debootstrap', 'debian-archive-keyring'], { log, ...options })
  const { main, all } = await aptSources(codename, signal)
  const root = join(directory, 'rootfs')
  await mkdir(directory, { recursive: true })
  // What a killed process left; the caller's lock says that no living one works there.
  await discardRootfs(root)
  try {
    await timed(log, `making a Debian ${codename} (usually 1 min)`, async () => {
      const args = ['--variant=minbase', `--include=${recipe.include.join(',')}`]
      await run('debootstrap', 'debootstrap', [...args, codename, root, main.uri], options)
      await writeFile(join(root, 'etc/dpkg/dpkg.cfg.d/slim'), recipe.dpkg)
      await writeFile(join(root, 'etc/apt/apt.conf.d/slim'), recipe.apt)
      await writeFile(join(root, 'etc/apt/sources.list'), sourcesList(all))
      await run('making Debian smaller', 'sh', ['-ec', recipe.clean], { ...options, cwd: root })
      await run('packing Debian', 'tar', tarArguments(root, `${tar}.part`), options)
      await rename(`${tar}.part`, tar)
    })
  } finally {
    await discardRootfs(root)
  }
  return tar
}

async function discardRootfs(root: string): Promise<void> {
  // A stopped debootstrap leaves these mounted, and nothing in them is ours to delete.
  for (const mount of ['proc', 'sys']) await succeeds('umount', ['--lazy', join(root, mount)])
  await rm(root, { recursive: true, force: true })
}

/** The arguments of `tar` that pack a root file system with its owners as numbers. */
function tarArguments(root: string, tar: string): readonly string[] {
  return [
    '--create',
    '--numeric-owner',
    '--one-file-system',
    '--file',
    tar,
    '--directory',
    root,
    '.',
  ]
}

async function buildNode(
  reference: string,
  base: string,
  { engine, signal }: BaseOptions,
): Promise<void> {
  const scratch = join(cacheDirectory(), 'base', 'node')
  const context = join(scratch, 'context')
  const options = signal ? { signal } : {}
  await rm(scratch, { recursive: true, force: true })
  try {
    await mkdir(join(context, 'npm'), { recursive: true })
    await cp(join(repository, 'node_modules/node/bin/node'), join(context, 'node'), {
      dereference: true,
    })
    await writeFile(join(context, 'npm/package.json'), '{ "private": true }\n')
    await run(
      'getting npm',
      'npm',
      ['install', '--no-audit', '--no-fund', '--ignore-scripts', `npm@${npmVersion}`],
      { ...options, cwd: join(context, 'npm') },
    )
    await engine.build(
      { reference, dockerfile: nodeDockerfile, context, buildArguments: { BASE_IMAGE: base } },
      signal,
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function hash(text: string): string {
  return contentHash([{ name: 'base', content: `${process.arch}\n${text}` }]).slice(0, 10)
}
