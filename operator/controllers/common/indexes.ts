// SPDX-License-Identifier: Apache-2.0
// Who refers to whom. One index a question that a controller asks of a cache; keys are those of the target.
import type {
  ComputeNode,
  Image,
  Instance,
  IPClaim,
  Port,
  SecurityGroup,
  Subnet,
  Volume,
  VolumeType,
} from '../../../lib/api/types.ts'
import { keyOfRef } from '../../../lib/kube/object.ts'
import type { Indexes } from '../../../lib/informer/cache.ts'
import { listNics, portKeyOf } from '../instance/nics.ts'
import { securityGroupKeysOf } from '../port/groups.ts'
import { wishesMore } from '../port/wishes.ts'
import { keyOf } from './references.ts'

export const computeNodeIndexes = {
  /** UIDs of machines that it has without a resource. */
  orphan: ({ status }) => (status?.orphans ?? []).flatMap(({ kind, uid }) => (kind === 'instance' ? [uid] : [])),
} satisfies Indexes<ComputeNode>

export const instanceIndexes = {
  /** Its node, and nodes that have not released it yet. */
  node: ({ status }) => [
    ...(status?.node === undefined ? [] : [status.node]),
    ...(status?.pendingReleases ?? []).map((release) => release.node),
  ],
  image: ({ spec, metadata }) => [keyOf(spec.imageRef, metadata.namespace)],
  flavor: ({ spec }) => [spec.flavorRef.name],
  keyPair: ({ spec, metadata }) => (spec.keyPairRef ? [keyOf(spec.keyPairRef, metadata.namespace)] : []),
  network: ({ spec, metadata }) =>
    (spec.networks ?? []).flatMap((nic) => (nic.networkRef ? [keyOf(nic.networkRef, metadata.namespace)] : [])),
  /** Networks on which it may wait for an address. */
  unplacedOn: ({ spec, status, metadata }) =>
    status?.node === undefined
      ? (spec.networks ?? []).flatMap((nic) => (nic.networkRef ? [keyOf(nic.networkRef, metadata.namespace)] : []))
      : [],
  /** `<network key>|<mac>` that it may wait for. */
  unplacedMac: ({ spec, status, metadata }) =>
    status?.node === undefined
      ? (spec.networks ?? []).flatMap(({ networkRef, macAddress }) =>
          networkRef && macAddress !== undefined ? [macKey(keyOf(networkRef, metadata.namespace), macAddress)] : [],
        )
      : [],
  port: (instance) => listNics(instance).map((nic) => portKeyOf(instance, nic)),
  volume: ({ spec, metadata }) => (spec.volumes ?? []).map(({ volumeRef }) => keyOf(volumeRef, metadata.namespace)),
} satisfies Indexes<Instance>

export const portIndexes = {
  network: ({ spec, metadata }) => [keyOf(spec.networkRef, metadata.namespace)],
  /** The network on which it waits for its addresses. */
  withoutAddress: ({ spec, status, metadata }) =>
    status?.fixedIPs === undefined ? [keyOf(spec.networkRef, metadata.namespace)] : [],
  /** `<network key>|<mac>`: who has, or wants, this MAC in the network. */
  mac: ({ spec, status, metadata }) => {
    const macs = new Set([spec.macAddress, status?.macAddress].flatMap((mac) => mac ?? []))
    return [...macs].map((mac) => macKey(keyOf(spec.networkRef, metadata.namespace), mac))
  },
  /** `<network key>|<address>`: who has, or wants, this address in the network. */
  address: ({ spec, status, metadata }) => {
    const wanted = [...(spec.fixedIPs ?? []), ...(status?.fixedIPs ?? [])].flatMap(({ ipAddress }) => ipAddress ?? [])
    return [...new Set(wanted)].map((address) => addressKey(keyOf(spec.networkRef, metadata.namespace), address))
  },
  /** `<network key>|<address>`: who may speak for this address beside its own. */
  pair: ({ spec, metadata }) =>
    (spec.allowedAddressPairs ?? []).map(({ ipAddress }) =>
      addressKey(keyOf(spec.networkRef, metadata.namespace), ipAddress),
    ),
  /** The network in which it may speak for a range of addresses. */
  pairRange: ({ spec, metadata }) =>
    (spec.allowedAddressPairs ?? []).some(({ ipAddress }) => ipAddress.includes('/'))
      ? [keyOf(spec.networkRef, metadata.namespace)]
      : [],
  /** The network in which it may send under other addresses than its own. */
  speaking: ({ spec, status, metadata }) =>
    status?.portSecurityEnabled === false || (status?.allowedAddressPairs ?? []).length > 0
      ? [keyOf(spec.networkRef, metadata.namespace)]
      : [],
  /** The network in which it is plugged nowhere. */
  unplaced: ({ spec, status, metadata }) =>
    status?.node === undefined ? [keyOf(spec.networkRef, metadata.namespace)] : [],
  /** The network on which it asks for what it was not given: the Ports of others may stand against that. */
  wishing: (port) => (wishesMore(port) ? [keyOf(port.spec.networkRef, port.metadata.namespace)] : []),
  node: ({ status }) => (status?.node === undefined ? [] : [status.node]),
  securityGroup: (port) => securityGroupKeysOf(port),
} satisfies Indexes<Port>

export function addressKey(networkKey: string, address: string): string {
  return `${networkKey}|${address}`
}

export function macKey(networkKey: string, mac: string): string {
  return `${networkKey}|${mac}`
}

export const subnetIndexes = {
  network: ({ spec, metadata }) => [keyOf(spec.networkRef, metadata.namespace)],
} satisfies Indexes<Subnet>

export const ipClaimIndexes = {
  subnet: ({ spec }) => [spec.subnetRef.uid],
  /** Ports that have, or are about to have, one of its addresses. */
  port: ({ spec }) => [...new Set(spec.claims.map(({ portRef }) => keyOfRef(portRef)))],
  /** UIDs of Instances that it has addresses for. */
  instance: ({ spec }) => [
    ...new Set(spec.claims.flatMap(({ instanceUid }) => (instanceUid === undefined ? [] : [instanceUid]))),
  ],
} satisfies Indexes<IPClaim>

export const securityGroupIndexes = {
  remoteGroup: ({ spec, metadata }) =>
    (spec.rules ?? []).flatMap((rule) => (rule.remoteGroupRef ? [keyOf(rule.remoteGroupRef, metadata.namespace)] : [])),
} satisfies Indexes<SecurityGroup>

export const volumeIndexes = {
  node: ({ status }) => (status?.node === undefined ? [] : [status.node]),
  pool: ({ status }) => (status?.pool === undefined ? [] : [status.pool]),
  /** The empty name stands for "the default one". */
  type: ({ spec }) => [spec.volumeTypeRef?.name ?? ''],
  attachedTo: ({ status }) => (status?.attachedTo ? [status.attachedTo.uid] : []),
  /** The node of the machine that has it. */
  usedOn: ({ status }) => (status?.attachedTo?.node === undefined ? [] : [status.attachedTo.node]),
} satisfies Indexes<Volume>

export const volumeTypeIndexes = {
  pool: ({ spec }) => [spec.storagePoolRef.name],
} satisfies Indexes<VolumeType>

export const imageIndexes = {
  importNode: ({ status }) => (status?.importNode === undefined ? [] : [status.importNode]),
  /** `true`: waits for a node that could import it, or is being deleted and may wait for any node. */
  unplaced: ({ status, metadata }) =>
    status?.importNode === undefined || metadata.deletionTimestamp !== undefined ? ['true'] : [],
} satisfies Indexes<Image>
