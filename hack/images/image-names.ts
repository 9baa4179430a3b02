/** The images of this project, in the order they are built: quick ones first. */
export const imageNames = ['operator', 'agent', 'rehearsal', 'ollama'] as const

/** The name of one of this project's images. */
export type ImageName = (typeof imageNames)[number]

/**
 * Names typed by a person, checked; all of them when none is typed. In build order, each once.
 *
 * Throws an Error that lists the names there are.
 */
export function parseImageNames(words: readonly string[]): readonly ImageName[] {
  const known: readonly string[] = imageNames
  const strange = words.find((word) => !known.includes(word))
  if (strange !== undefined) {
    throw new Error(`there is no image named ${strange}; the images are: ${imageNames.join(', ')}`)
  }
  return words.length === 0 ? imageNames : imageNames.filter((name) => words.includes(name))
}

/** The reference of an image: `guildhall.dev/operator:0.1.0-3f2a91c0d4`. `hash` is a content hash in hex. */
export function imageReference(name: ImageName, version: string, hash: string): string {
  return `guildhall.dev/${name}:${imageTag(version, hash)}`
}

/**
 * The tag of an image: the version and the first ten digits of its content hash.
 *
 * The hash is in the tag because nodes keep images by tag (`imagePullPolicy: IfNotPresent`): a changed image under an
 * old tag would never run.
 */
function imageTag(version: string, hash: string): string {
  return `${version}-${hash.slice(0, 10)}`
}
