// SPDX-License-Identifier: Apache-2.0
// From documents to what a driver is asked for: which other documents it depends on, and whether those are ready. Pure.
import type { InstanceDocument, MachineRescue, PortDocument } from '../../lib/contract/documents.ts'
import type { NodeState } from '../runtime/reconciler.ts'
import type { InstanceWant, NicWant } from './instance-driver.ts'
import { checkConnection } from './own-volumes.ts'
import type { RootDisk } from './root-disk.ts'
import { presentRootDisk } from './which-root-disk.ts'
import { NEW_RECORD } from './power-record.ts'

export interface Waiting {
  reason: 'ImageNotReady' | 'PortNotReady' | 'VolumeNotReady'
  message: string
}

const GIB = 2 ** 30

/** The config drive's files for a machine with these ports; the metadata service serves the same. */
export type ConfigDriveFiles = (
  document: InstanceDocument,
  ports: readonly PortDocument[],
) => { path: string; content: string | Buffer }[]

/**
 * The ports' documents, in the order of the NICs; without those that have not arrived or belong to another machine: a port that two
 * machines name is attached to one of them.
 */
export function findPorts(document: InstanceDocument, state: NodeState): PortDocument[] {
  return document.spec.ports.flatMap(({ uid }) => {
    const port = state.find('port', uid)
    return port && !port.tombstone && isFor(port, document) ? [port] : []
  })
}

const isFor = ({ spec }: PortDocument, { uid }: InstanceDocument): boolean =>
  spec.instanceUid === undefined || spec.instanceUid === uid

/**
 * What a machine has to wait for before it can be built or started; undefined when everything is ready.
 * @param root that it is to be defined with; absent: it has none yet
 */
export function findWaiting(
  document: InstanceDocument,
  state: NodeState,
  root = presentRootDisk(NEW_RECORD, document.spec),
): Waiting | undefined {
  const { spec } = document
  // A disk that was made here from another image than its document says is there, with what it is based on.
  const lacks = root.image.uid === spec.image.uid ? whyNoImage(spec.image.uid, state) : undefined
  if (lacks !== undefined) return { reason: 'ImageNotReady', message: lacks }
  const ports = findPorts(document, state)
  for (const { uid, name } of spec.ports) {
    const port = ports.find((found) => found.uid === uid)
    if (!port) {
      const other = state.find('port', uid)
      const why = other && !other.tombstone ? 'is another machine’s on this node' : 'is not on this node yet'
      return { reason: 'PortNotReady', message: `port ${name} ${why}` }
    }
    // QEMU waits for the switch of a vhost-user port: it must be plugged first. A tap exists only once the machine runs.
    const plugged = state.findObserved('port', uid)
    // The node has to have given it one.
    if (port.spec.virtualFunction && !plugged?.facts?.virtualFunction) {
      const why = plugged?.error ? `: ${plugged.error.message}` : ''
      return { reason: 'PortNotReady', message: `port ${name} has no virtual function yet${why}` }
    }
    if (port.spec.vnicType === 'vhostuser' && plugged?.state !== 'plugging' && plugged?.state !== 'active') {
      const why = plugged?.error ? `: ${plugged.error.message}` : ''
      return { reason: 'PortNotReady', message: `vhost-user port ${name} is not plugged yet${why}` }
    }
  }
  return undefined
}

/** Why the image is not on the node; undefined: it is. */
export function whyNoImage(uid: string, state: NodeState): string | undefined {
  const image = state.findObserved('image', uid)
  if (image?.state === 'ready') return undefined
  const why = image?.error ? `: ${image.error.message}` : ''
  return `the image is ${image?.state ?? 'not here'} on this node${why}`
}

/** @throws TerminalError `VolumeUnsafe` for a volume that must not become a disk of this machine */
export function checkConnections({ spec }: InstanceDocument, state: NodeState): void {
  for (const { uid, connection } of spec.volumes) checkConnection(uid, connection, state)
}

/** @param root that it is to be defined with; absent: it has none yet. @param ports from findPorts. The volumes' connections are checked apart: a machine that is on must be stoppable whatever they are. */
export function toInstanceWant(
  document: InstanceDocument,
  ports: readonly PortDocument[],
  state: NodeState,
  configDriveFiles: ConfigDriveFiles,
  root: RootDisk = presentRootDisk(NEW_RECORD, document.spec),
): InstanceWant {
  const { spec, versions } = document
  const { image, disks, rescue } = root
  // They describe the system that boots.
  const { requireKvm } = rescue ?? root
  const { properties } = (rescue ?? root).image
  const isFirst = disks.root === 0 && disks.ephemeral === 0
  return {
    uid: document.uid,
    epoch: versions.epoch,
    namespace: document.namespace ?? '',
    name: document.name,
    hostname: spec.hostname,
    vcpus: spec.vcpus,
    memoryMiB: spec.memoryMiB,
    ...(spec.numa ? { numa: spec.numa } : {}),
    requireKvm,
    root: { sha256: image.sha256, format: image.format, sizeBytes: rootBytes(document, state, image.uid) },
    ...(isFirst ? {} : { disks }),
    ...(rescue ? { rescue: toRescueWant(rescue, state) } : {}),
    ephemeralGiB: spec.ephemeralGiB,
    swapMiB: spec.swapMiB,
    properties,
    ports: spec.ports.map(({ uid }) => uid),
    nics: ports.map((port) => ({
      portUid: port.uid,
      slot: slotOf(document, port.uid),
      mac: port.spec.mac,
      networkUid: port.spec.networkUid,
      ...(port.spec.network === undefined ? {} : { network: port.spec.network }),
      addresses: port.spec.fixedIPs.map(({ address }) => address),
      mtu: port.spec.mtu,
      vnicType: port.spec.vnicType,
      ...functionOf(port, state),
    })),
    volumes: spec.volumes.map(({ uid, connection, sizeGiB }) => ({
      uid,
      connection,
      ...(sizeGiB === undefined ? {} : { sizeGiB }),
    })),
    ...(spec.configDrive ? { configDrive: configDriveFiles(document, ports) } : {}),
  }
}

/** What the node gave the port. */
function functionOf({ uid, spec }: PortDocument, state: NodeState): Pick<NicWant, 'virtualFunction'> {
  const given = state.findObserved('port', uid)?.facts?.virtualFunction
  if (!spec.virtualFunction || !given) return {}
  const { vlan } = spec.virtualFunction
  return { virtualFunction: { ...given, ...(vlan === undefined ? {} : { vlan }) } }
}

function slotOf({ spec }: InstanceDocument, portUid: string): number {
  const index = spec.ports.findIndex(({ uid }) => uid === portUid)
  return spec.ports[index]?.slot ?? index
}

function toRescueWant(rescue: MachineRescue, state: NodeState): InstanceWant['rescue'] {
  const { sha256, format } = rescue.image
  return { number: rescue.disk, sha256, format, sizeBytes: rescueBytes(rescue, state) }
}

/** What its image asks for, or the image's own size where that is larger. */
export function rescueBytes({ image, sizeGiB }: MachineRescue, state: NodeState): number {
  return Math.max(sizeGiB * GIB, state.findObserved('image', image.uid)?.facts?.virtualSizeBytes ?? 0)
}

/** The flavor's size, or the image's where that is larger. */
export function rootBytes(document: InstanceDocument, state: NodeState, imageUid = document.spec.image.uid): number {
  const image = state.findObserved('image', imageUid)
  return Math.max(document.spec.rootDiskGiB * GIB, image?.facts?.virtualSizeBytes ?? 0)
}
