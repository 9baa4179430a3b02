import { agentTaskKind } from '../../operator/api/agent-task.ts'
import { agentKind } from '../../operator/api/agent.ts'
import { devRequestKind } from '../../operator/api/devrequest.ts'
import { languageModelKind } from '../../operator/api/language-model.ts'
import { chartFiles } from './chart-files.ts'
import { crdManifest, crdTemplate } from './crd-files.ts'
import { crdOf } from './crd.ts'
import type { GeneratedFile } from './generated.ts'
import { kindsReference } from './kinds-reference.ts'

/** The kinds of Guildhall, in the order in which people meet them. */
export const kinds = [devRequestKind, agentTaskKind, agentKind, languageModelKind] as const

/**
 * Everything that is generated, from the sources as they are now.
 *
 * @throws {Error} when a source cannot be written down legally; nothing is written then.
 */
export function generatedFiles(): readonly GeneratedFile[] {
  const crds = kinds.map((kind) => crdOf(kind))
  return [...crds.map(crdManifest), ...crds.map(crdTemplate), kindsReference(crds), ...chartFiles()]
}
