// SPDX-License-Identifier: Apache-2.0
// Which Images of ImageStores a change of a node concerns: those that it has alone, of however many there are.
import type { ComputeNode, Image, Instance, InstanceAction } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type Source, type Watch } from '../../../lib/loop/controller.ts'
import { keyOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isOtherPeer } from './kind.ts'
import { isStored } from './source-of.ts'

type WakeDeps = Pick<OperatorDeps, 'bus' | 'caches'>

/** Who may read a file is known by a node's key, and nobody that was given up may; whose word counts changes with that, too. */
export function watchReaders(deps: WakeDeps, informers: Pick<OperatorInformers, 'computeNodes'>): Watch {
  return {
    ...watchOf(informers.computeNodes, ({ metadata: { name } }) => listReadBy(name, deps)),
    when: (old, now) => isOtherPeer(old as ComputeNode, now as ComputeNode),
  }
}

/** Who fetches from a node that is not heard any more is told of another copy. Beats and boots between change nothing. */
export function followServers({ bus, caches }: WakeDeps): Source {
  const wasSilent = new Map<string, boolean>()
  return ({ enqueue }) =>
    bus.heartbeats.onChange((nodes) => {
      for (const node of nodes) {
        const isSilent = bus.heartbeats.pulse(node) === 'silent'
        // Before the first word of a node Images may have been judged by that of an earlier leader.
        if (wasSilent.get(node) === isSilent) continue
        wasSilent.set(node, isSilent)
        for (const image of caches.images.listBy('copyNodes', node)) enqueue(keyOfObject(image))
      }
    })
}

/**
 * Those that it reports, also without a machine, and those of its machines, also before it has reported; those that are being made of its machines,
 * whose first copy is read from it; and those that it was told to keep, whatever their status says.
 */
function listReadBy(node: string, { bus, caches }: WakeDeps): ObjectKey[] {
  const reported = bus.observed.listNode(node).filter(({ kind }) => kind === 'image' || kind === 'imagecopy')
  const machines = caches.instances.listBy('node', node)
  const running = machines.flatMap(({ metadata }) => caches.instanceActions.listBy('running', metadata.uid))
  const used = [...machines.flatMap(listImageKeys), ...running.flatMap(listMadeKeys)]
  const images: (Image | undefined)[] = [
    ...reported.map(({ uid }) => caches.images.findByUid(uid)),
    ...used.map((key) => caches.images.findByKey(key)),
    ...caches.images.list().filter(({ metadata }) => bus.desired.find(node, 'imagecopy', metadata.uid)),
  ]
  return [...new Set(images)].flatMap((image) => (image && isStored(image) ? [keyOfObject(image)] : []))
}

function listMadeKeys({ metadata, status }: InstanceAction): ObjectKey[] {
  const name = status?.snapshot?.imageName
  return name === undefined ? [] : [keyOf({ name }, metadata.namespace)]
}

function listImageKeys({ metadata, spec, status }: Instance): ObjectKey[] {
  const { image, rebuilds = [], rescue } = status ?? {}
  const refs = [image ?? spec.imageRef, ...rebuilds.map((given) => given.image), rescue?.image]
  return refs.flatMap((ref) => (ref ? [keyOf({ ...ref }, metadata.namespace)] : []))
}
