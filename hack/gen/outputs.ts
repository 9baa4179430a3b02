import { allKinds } from '../../core/api/kinds.ts'
import { chartFiles } from './chart-files.ts'
import { crdManifest, kindTable } from './crd-files.ts'
import { crdOf } from './crd.ts'
import type { GeneratedFile } from './generated.ts'
import { kindsReference } from './kinds-reference.ts'

/**
 * Everything that is generated, from the sources as they are now.
 *
 * @throws {Error} when a source cannot be written down legally; nothing is written then.
 */
export function generatedFiles(): readonly GeneratedFile[] {
  const crds = allKinds.map((kind) => crdOf(kind))
  return [...crds.map(crdManifest), kindTable(), kindsReference(crds), ...chartFiles()]
}
