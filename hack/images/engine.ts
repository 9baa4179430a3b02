/** One image build, whichever program does it. */
export interface BuildRequest {
  readonly reference: string
  /** Absolute path of the Dockerfile. */
  readonly dockerfile: string
  /** Absolute path of the directory that COPY reads from. */
  readonly context: string
  readonly buildArguments: Readonly<Record<string, string>>
}

/** What `docker build` and `buildah build` understand alike: what to build, under which name, and where its id goes. */
export function requestArguments(request: BuildRequest, idFile: string): readonly string[] {
  return [
    '--tag',
    request.reference,
    '--file',
    request.dockerfile,
    '--iidfile',
    idFile,
    ...Object.entries(request.buildArguments).flatMap(([name, value]) => [
      '--build-arg',
      `${name}=${value}`,
    ]),
    request.context,
  ]
}

/** A program that builds images. References are full names with a tag. */
export interface Engine {
  readonly name: EngineName
  /** There when the engine works without a registry, from base images made on this machine. */
  readonly local?: LocalImages
  /** Builds and tags an image; returns its configuration digest. */
  readonly build: (request: BuildRequest, signal?: AbortSignal) => Promise<string>
  /** Writes a docker-archive with this one image. */
  readonly save: (reference: string, archive: string, signal?: AbortSignal) => Promise<void>
  /** Forgets a tag; a tag that is not there is fine. */
  readonly forget: (reference: string, signal?: AbortSignal) => Promise<void>
}

/** An engine's own store, for making base images in it. */
export interface LocalImages {
  readonly has: (reference: string, signal?: AbortSignal) => Promise<boolean>
  /** Makes a one-layer image from a tar of a root file system. */
  readonly importRootfs: (tar: string, reference: string, signal?: AbortSignal) => Promise<void>
}

/** The programs that can build images. */
export type EngineName = 'docker' | 'buildah'

/** What decides between them. */
interface EngineFacts {
  readonly dockerAnswers: boolean
  /** Whether Docker holds the published base image, or can pull it. */
  readonly dockerHasBase: boolean
  readonly platform: string
  /** Undefined where there are no user ids. */
  readonly uid: number | undefined
}

/**
 * Which program builds images here: Docker where it answers and reaches a registry, else buildah for root on Linux,
 * which needs none.
 *
 * Throws an Error that says what to do where neither can work.
 */
export function chooseEngine(facts: EngineFacts): EngineName {
  if (facts.dockerAnswers && facts.dockerHasBase) return 'docker'
  const linux = facts.platform === 'linux'
  if (linux && facts.uid === 0) return 'buildah'
  const why = facts.dockerAnswers
    ? 'Docker cannot pull the base image; connect it to a registry'
    : '`docker info` does not answer; start Docker'
  throw new Error(
    `images cannot be built because ${why}${linux ? ', or run this as root to build with buildah' : ''}`,
  )
}
