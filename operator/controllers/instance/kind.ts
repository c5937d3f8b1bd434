// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { isConditionTrue } from '../../../lib/conditions.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { larger, membersKey, NOTHING, type Amounts } from '../../quota/amounts.ts'
import { keyOf, targetKeysOf } from '../../kind/references.ts'
import { wasPlaced } from '../../placed/placement.ts'
import { macKey } from '../port/address-keys.ts'
import { labelKeysOf } from './label-keys.ts'
import { isBeforeRecords, matchNics } from './nics.ts'

/** The machine's node, and nodes that have not released it yet. */
const node: Reference<Instance, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => {
    const current = status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]
    const left = (status?.pendingReleases ?? []).map((release, i) => ({
      ref: { name: release.node },
      field: `status.pendingReleases[${i}].node`,
    }))
    return [...current, ...left]
  },
  holds: () => true,
}

/** Held by nobody: the size of a placed machine is in its status, and one that is not placed yet waits for another of that name. */
export const flavor: Reference<Instance, 'flavors'> = {
  to: 'flavors',
  refs: ({ spec }) => [{ ref: spec.flavorRef, field: 'spec.flavorRef' }],
}

/** What the machine was made from, where it has a place; else what its spec names. */
export const image: Reference<Instance, 'images'> = {
  to: 'images',
  refs: ({ spec, status }) =>
    status?.node !== undefined && status.image
      ? [{ ref: toRef(status.image), field: 'status.image' }]
      : [{ ref: spec.imageRef, field: 'spec.imageRef' }],
  isKept: hasFrom,
  // A placed machine holds its image, so this is still the one that it was made from.
  isGranted: hasFrom,
  holds: wasPlaced,
}

/** Another one that its spec names: the machine is none of its users yet. */
const wishedImage: Reference<Instance, 'images'> = {
  to: 'images',
  refs: ({ spec, status }) =>
    status?.node !== undefined && status.image ? [{ ref: spec.imageRef, field: 'spec.imageRef' }] : [],
}

/** The one that it boots from in rescue. */
const rescueImage: Reference<Instance, 'images'> = {
  to: 'images',
  refs: ({ status }) =>
    status?.rescue?.image ? [{ ref: toRef(status.rescue.image), field: 'status.rescue.image' }] : [],
  isKept: () => true,
  isGranted: () => true,
  holds: () => true,
}

/** Those that its node may be making a disk from. */
const rebuildImage: Reference<Instance, 'images'> = {
  to: 'images',
  refs: ({ status }) =>
    (status?.rebuilds ?? []).map((given, i) => ({ ref: toRef(given.image), field: `status.rebuilds[${i}].image` })),
  isKept: () => true,
  isGranted: () => true,
  holds: () => true,
}

function toRef({ namespace, name }: { namespace: string; name: string }) {
  return { namespace, name }
}

/** The one that it was made from. Before that was recorded (recall-made-from.ts) it cannot name another; that of a disk which nobody here knows of may be any. */
export function hasFrom(instance: Instance, { metadata }: { metadata: { uid: string } }): boolean {
  const { image: from, rootDisk } = instance.status ?? {}
  return wasPlaced(instance) && (from === undefined ? rootDisk === undefined : from.uid === metadata.uid)
}

export const keyPair: Reference<Instance, 'keyPairs'> = {
  to: 'keyPairs',
  refs: ({ spec }) => (spec.keyPairRef ? [{ ref: spec.keyPairRef, field: 'spec.keyPairRef' }] : []),
  isKept: wasPlaced,
  holds: wasPlaced,
}

/** The Network is held by its Ports, not by the machine. */
export const network: Reference<Instance, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) =>
    (spec.networks ?? []).flatMap(({ networkRef }, i) =>
      networkRef ? [{ ref: networkRef, field: `spec.networks[${i}].networkRef` }] : [],
    ),
}

/** The user's ports and those made for the machine, also those that it has not let go of yet. A Port itself decides who holds it (port/remove.ts). */
export const port: Reference<Instance, 'ports'> = {
  to: 'ports',
  refs: (instance) => {
    const { nics, leaving } = matchNics(instance)
    return [
      ...nics.map(({ portName, index }) => ({ ref: { name: portName }, field: `spec.networks[${index}].portRef` })),
      ...leaving.map(({ port: name, slot }) => ({ ref: { name }, field: `status.interfaces of slot ${slot}` })),
    ]
  },
  isKept: (instance, { metadata: { uid } }) =>
    isBeforeRecords(instance) || instance.status?.interfaces?.some(({ portUID }) => portUID === uid) === true,
}

/** Only machines with a place count in it; the others have to find another group. */
export const serverGroup: Reference<Instance, 'serverGroups'> = {
  to: 'serverGroups',
  refs: ({ spec }) => (spec.serverGroupRef ? [{ ref: spec.serverGroupRef, field: 'spec.serverGroupRef' }] : []),
  isKept: wasPlaced,
  holds: wasPlaced,
  wakes: (old, group) => old.metadata.generation !== group.metadata.generation,
}

/** A Volume itself says who holds it: `status.attachedTo`. */
export const volume: Reference<Instance, 'volumes'> = {
  to: 'volumes',
  refs: ({ spec }) =>
    (spec.volumes ?? []).map(({ volumeRef }, i) => ({ ref: volumeRef, field: `spec.volumes[${i}].volumeRef` })),
  isKept: wasPlaced,
}

/** What the machine counts for with that size; `ram` in MiB, as in Nova. */
export function quotaOf({ spec }: Instance, { vcpus, memoryMiB }: { vcpus: number; memoryMiB: number }): Amounts {
  const member = spec.serverGroupRef && { [membersKey(spec.serverGroupRef.name)]: 1 }
  return { instances: 1, cores: vcpus, ram: memoryMiB, ...member }
}

/** Of the size that it has and, until it has that, the one that it gets. */
export function quotaTaken(instance: Instance): Amounts {
  const { flavor, nextFlavor } = instance.status ?? {}
  if (!flavor) return NOTHING
  const now = quotaOf(instance, flavor)
  return nextFlavor ? larger(now, quotaOf(instance, nextFlavor)) : now
}

export const instanceKind: KindRow<Instance> = {
  // Asked for by its controller, which knows the Flavor, and had from the placement on.
  quota: {
    has: quotaTaken,
    needsBy: (instance, { flavors }) => {
      const flavor = flavors.find(undefined, instance.spec.flavorRef.name)
      return flavor && quotaOf(instance, flavor.spec)
    },
    // Said in the run in which it is let in; whatever it lacks before that takes it back.
    isPromised: ({ status }) => !status?.flavor && isConditionTrue(status?.conditions, 'Admitted'),
  },
  references: {
    node,
    flavor,
    image,
    wishedImage,
    rebuildImage,
    rescueImage,
    keyPair,
    network,
    port,
    serverGroup,
    volume,
  },
  indexes: {
    /** `team/app=web` for each label. */
    label: labelKeysOf,
    /** Networks on which an unplaced machine may be waiting for an address. */
    unplacedOn: (instance) => (instance.status?.node === undefined ? targetKeysOf(network, instance) : []),
    /** `<network key>|<mac>` that an unplaced machine may be waiting for. */
    unplacedMac: ({ spec, status, metadata }) =>
      status?.node === undefined
        ? (spec.networks ?? []).flatMap(({ networkRef, macAddress }) =>
            networkRef && macAddress !== undefined ? [macKey(keyOf(networkRef, metadata.namespace), macAddress)] : [],
          )
        : [],
  },
  document: 'instance',
}
