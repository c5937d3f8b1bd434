// SPDX-License-Identifier: Apache-2.0
import { K8s, type GenericClass, type KubernetesObject } from 'kubernetes-fluent-client'

interface Condition {
  type: string
  status: string
  reason: string
  message: string
  observedGeneration?: number
}

type Observed = KubernetesObject & { status?: { conditions?: Condition[] } }

/**
 * The object once its Ready condition is True for the spec as it is now.
 * @throws when only a changed spec or a person could help (Stalled), or timeoutMs is over
 */
export function waitForReady<T extends GenericClass>(
  kind: T,
  { namespace, name }: { namespace: string; name: string },
  timeoutMs = 60_000,
): Promise<InstanceType<T>> {
  return new Promise((resolve, reject) => {
    let last = 'it is not there'
    const end = (settle: () => void) => {
      clearTimeout(timer)
      watch.close()
      settle()
    }
    const look = (object: InstanceType<T>) => {
      const { metadata, status } = object as Observed
      const current = status?.conditions?.filter((c) => c.observedGeneration === metadata?.generation) ?? []
      const ready = current.find(({ type }) => type === 'Ready')
      const stalled = current.find(({ type, status: holds }) => type === 'Stalled' && holds === 'True')
      if (ready) last = `${ready.reason}: ${ready.message}`
      if (ready?.status === 'True') end(() => resolve(object))
      else if (stalled) end(() => reject(new Error(`${name}: ${stalled.reason}: ${stalled.message}`)))
    }
    const watch = K8s(kind, { namespace, name }).Watch(look)
    const timer = setTimeout(() => end(() => reject(new Error(`${name} is not ready: ${last}`))), timeoutMs)
    // It lists first and watches then, and does both again when that fails or ends: only we give up.
    void watch.start()
  })
}
