import type { LanguageModel } from '../../../core/api/language-model.ts'
import { labels, objectNameOf } from '../../../core/api/names.ts'
import type { ConfiguredModel } from '../../settings/config.ts'
import { isConflict, isInvalid, isNotFound } from '../../../core/kube/errors.ts'
import { type Reconcile, done } from '../../../core/kube/runtime/controller.ts'
import type { World } from '../world.ts'
import type { Models } from './models.ts'

/**
 * Field manager of the settings. A field that a person changes by hand belongs to that person and
 * stays changed.
 */
const fieldManager = 'guildhall-settings'
/** Value of the managed-by label on the LanguageModels that the settings made. */
const managedBy = 'guildhall-settings'

/** This controller has one key only: it looks at all models of the settings at once. */
export const settingsKey = 'settings'

/**
 * Keeps a LanguageModel for each model of the settings, and removes those that the settings no
 * longer name. The chart does not make them, because Helm cannot install a kind and objects of it
 * at once. `models` notes which of them the API server refuses.
 */
export function settingsReconciler(
  world: World,
  configured: readonly ConfiguredModel[],
  models: Pick<Models, 'noteRefusal'>,
): Reconcile {
  return async function reconcileSettings(_key, { signal, log }) {
    const { client, namespace } = world
    const wanted = new Set(configured.map(({ name }) => objectNameOf(name)))
    for (const model of configured) {
      const object = {
        metadata: {
          name: objectNameOf(model.name),
          namespace,
          labels: { [labels.managedBy]: managedBy, [labels.name]: 'guildhall' },
        },
        spec: specOf(model),
      }
      try {
        world.models.noteWrite(
          await client.apply(world.models.resource, object, { fieldManager, force: false, signal }),
        )
        models.noteRefusal(model.name, undefined)
      } catch (error) {
        if (isConflict(error))
          log.warn(
            { model: model.name, err: error },
            'a model was changed by hand, so the settings do not apply to it',
          )
        else if (isInvalid(error)) {
          log.error(
            { model: model.name, err: error },
            'the API server refused a model of the settings',
          )
          models.noteRefusal(model.name, error.message)
        } else throw error
      }
    }
    for (const { metadata } of world.models.list())
      if (metadata.labels?.[labels.managedBy] === managedBy && !wanted.has(metadata.name))
        await client
          .delete(
            world.models.resource,
            { namespace, name: metadata.name, uid: metadata.uid },
            { signal },
          )
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error
          })
    return done
  }
}

function specOf(model: ConfiguredModel): LanguageModel['spec'] {
  const { name, pull, tokenFile: _, ...rest } = model
  return { ...rest, model: name, source: pull ? 'pull' : 'preloaded' }
}
