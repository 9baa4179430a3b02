// Brings up what the cluster tests need with the functions of the demo: cluster, images, chart, models.
import { dirname } from 'node:path'
import { connect } from '../../cli/cluster/connection.ts'
import { findProgram } from '../../hack/cluster/kubectl.ts'
import { streamLog } from '../../hack/cluster/log.ts'
import { installChart } from '../../hack/demo/chart-step.ts'
import { bringCluster, provideImages } from '../../hack/demo/cluster-step.ts'
import { defaultModel, withOllama } from '../../hack/demo/model-step.ts'
import { smallModel } from '../../hack/demo/planning-call-step.ts'
import { loadModel } from '../../hack/images/load-model.ts'
import { ensureSmolLM2 } from '../../hack/images/smollm2.ts'
import { idleSeconds, lateModel, namespace } from './lab.ts'

/** Idempotent: a second run on a machine where all is up takes seconds. */
export async function setup(): Promise<void> {
  const log = streamLog()
  const { signal } = new AbortController()
  const cluster = await bringCluster(undefined, { log, signal })
  process.env['KUBECONFIG'] = cluster.kubeconfig
  const kubectl = findProgram('kubectl')
  if (kubectl !== undefined)
    process.env['PATH'] = `${dirname(kubectl)}:${process.env['PATH'] ?? ''}`
  const images = await provideImages(cluster, { log, signal })
  const connection = await connect({ kubeconfig: cluster.kubeconfig, namespace })
  try {
    await installChart({
      client: connection.client,
      kubeconfig: cluster.kubeconfig,
      namespace,
      images,
      model: { name: defaultModel, rehearsal: true, openForDownload: false },
      more: {
        agents: { idleSeconds },
        // A test serves a repository from a Pod of this namespace.
        forge: { sources: { allowedHosts: [`*.${namespace}.svc`] } },
        models: [
          { name: smallModel, contextTokens: 4096, outputTokens: 1024, tier: 'weak' },
          // Not weak: it is asked to plan.
          { name: lateModel, contextTokens: 4096, outputTokens: 1024, tier: 'basic' },
        ],
      },
      log,
      signal,
    })
    const file = await ensureSmolLM2({ log, signal })
    await withOllama(connection, signal, (ollamaUrl) =>
      loadModel({ ollamaUrl, path: file.path, name: smallModel, log, signal }),
    )
  } finally {
    await connection.client.close()
  }
}
