// SPDX-License-Identifier: Apache-2.0
// Reads libvirt's domains into plain data.
import type { ObservedNic } from '../../../../lib/contract/documents.ts'
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import type { LibvirtCaller } from '../../../../lib/libvirt/domain-calls.ts'
import {
  DomainState,
  METADATA_ELEMENT,
  PausedReason,
  ShutoffReason,
  XmlFlag,
} from '../../../../lib/libvirt/constants.ts'
import { isBusy, isNoDomain, isNoMetadata, isUnanswered, type DomainRef } from '../../../../lib/libvirt/error.ts'
import { isPoweredOn, type BackendInstance, type OffReason, type PowerState } from '../../instance-driver.ts'
import { GUEST_CALL_MS, GUEST_READ_MS, type LibvirtConnections } from './connections.ts'
import { domainUuidBytes, uidOfDomainName } from './domain-name.ts'
import { readDiskServers, readDomainXml, type LiveDomain } from './live-xml.ts'
import { METADATA_NAMESPACE, readMark, type DomainMark } from './metadata.ts'
import { portsOf } from './nics.ts'

export interface FoundDomain {
  ref: DomainRef
  mark: DomainMark | undefined
  power: PowerState
  offReason: OffReason | undefined
  ioError: boolean
  /** A call that starts it is in progress: nothing has run yet. */
  starting?: 'anew' | 'saved'
}

export async function findDomain(
  client: LibvirtClient,
  uid: string,
  signal: AbortSignal,
): Promise<DomainRef | undefined> {
  try {
    return (await client.call('lookupByUuid', { uuid: domainUuidBytes(uid) }, signal)).domain
  } catch (error) {
    if (isNoDomain(error)) return undefined
    throw error
  }
}

export async function readDomain(client: LibvirtClient, ref: DomainRef, signal: AbortSignal): Promise<FoundDomain> {
  const [mark, { state, reason }, saved] = await Promise.all([
    findMark(client, ref, signal),
    client.call('getState', { domain: ref, flags: 0 }, signal),
    client.call('hasManagedSave', { domain: ref, flags: 0 }, signal),
  ])
  const power = toPower(state, saved.result === 1)
  return {
    ref,
    mark,
    power,
    offReason: power === 'off' ? toOffReason(state, reason) : undefined,
    ioError: state === DomainState.paused && reason === PausedReason.ioError,
    ...(state === DomainState.paused && reason === PausedReason.startingUp
      ? { starting: saved.result === 1 ? 'saved' : 'anew' }
      : {}),
  }
}

/** The XML that its QEMU has now. @param client one whose calls may wait: this one waits while another call holds the domain */
export async function readLiveXml(
  client: LibvirtCaller,
  ref: DomainRef,
  signal: AbortSignal,
  timeoutMs = GUEST_CALL_MS,
): Promise<LiveDomain> {
  return readDomainXml((await client.call('getXml', { domain: ref, flags: 0 }, signal, timeoutMs)).xml)
}

/** The servers of the disks it is started with. */
export async function listDiskServers(client: LibvirtClient, ref: DomainRef, signal: AbortSignal) {
  const { xml } = await client.call('getXml', { domain: ref, flags: XmlFlag.inactive }, signal)
  return readDiskServers(xml)
}

/** The stored definition, which needs no answer from QEMU. */
export async function readDefinition(client: LibvirtClient, ref: DomainRef, signal: AbortSignal): Promise<LiveDomain> {
  return readDomainXml((await client.call('getXml', { domain: ref, flags: XmlFlag.inactive }, signal)).xml)
}

/** When QEMU does not answer, the result has what libvirtd knows by itself; the attached disks are not part of that. */
export async function toBackendInstance(
  connections: LibvirtConnections,
  uid: string,
  found: FoundDomain,
  signal: AbortSignal,
): Promise<BackendInstance> {
  const { quick, guest } = connections
  const { ref } = found
  // The definition of a domain whose QEMU hangs cannot be read either: libvirtd waits for the same lock.
  const read = found.starting
    ? 'unasked'
    : isPoweredOn(found.power)
      ? await tryReadLiveXml(guest, ref, signal)
      : await readDefinition(quick, ref, signal)
  const domain = typeof read === 'string' ? undefined : read
  return {
    uid,
    epoch: found.mark?.epoch,
    namespace: found.mark?.namespace ?? '',
    name: found.mark?.name ?? '',
    power: found.power,
    ...(found.offReason === undefined ? {} : { offReason: found.offReason }),
    ioError: found.ioError,
    unresponsive: read === 'unanswered',
    vcpus: domain?.vcpus,
    memoryMiB: domain?.memoryMiB,
    ...(domain?.rootDisk === undefined ? {} : { rootDisk: domain.rootDisk }),
    ...(domain?.ephemeralDisk === undefined ? {} : { ephemeralDisk: domain.ephemeralDisk }),
    ...(domain?.rescueDisk === undefined ? {} : { rescueDisk: domain.rescueDisk }),
    volumes: domain?.volumes.map((volume) => volume.uid),
    // Suspended, it may have others than its definition says: those that it had then.
    ports: found.power === 'saved' || !domain ? undefined : portsOf(domain.nics, found.mark),
  }
}

/** `unasked`: calls about other machines hold every place; nothing is known of this one. */
async function tryReadLiveXml(
  client: LibvirtCaller,
  ref: DomainRef,
  signal: AbortSignal,
): Promise<LiveDomain | 'unanswered' | 'unasked'> {
  try {
    return await readLiveXml(client, ref, signal, GUEST_READ_MS)
  } catch (error) {
    signal.throwIfAborted()
    if (isBusy(error)) return 'unasked'
    if (isUnanswered(error)) return 'unanswered'
    throw error
  }
}

/** Domains that carry our mark or, where that is damaged, our name. Without a mark, interfaces have at least their MAC. */
export async function listMarked(
  client: LibvirtClient,
  signal: AbortSignal,
): Promise<{ uid: string; ref: DomainRef; nics: ObservedNic[] }[]> {
  const { domains } = await client.call('listAllDomains', { needResults: 1, flags: 0 }, signal)
  const marked: { uid: string; ref: DomainRef; nics: ObservedNic[] }[] = []
  for (const ref of domains) {
    const mark = await findMark(client, ref, signal)
    const uid = mark?.uid ?? uidOfDomainName(ref.name)
    if (uid !== undefined) marked.push({ uid, ref, nics: mark?.nics ?? (await readMacs(client, ref, signal)) })
  }
  return marked
}

async function readMacs(client: LibvirtClient, ref: DomainRef, signal: AbortSignal): Promise<ObservedNic[]> {
  try {
    return (await readDefinition(client, ref, signal)).nics.map(({ mac }) => ({ mac }))
  } catch (error) {
    if (isNoDomain(error)) return []
    throw error
  }
}

async function findMark(client: LibvirtClient, ref: DomainRef, signal: AbortSignal): Promise<DomainMark | undefined> {
  const args = { domain: ref, type: METADATA_ELEMENT, uri: METADATA_NAMESPACE, flags: 0 }
  try {
    return readMark((await client.call('getMetadata', args, signal)).metadata)
  } catch (error) {
    if (isNoMetadata(error) || isNoDomain(error)) return undefined
    throw error
  }
}

function toPower(state: number, saved: boolean): PowerState {
  switch (state) {
    case DomainState.paused:
      return 'paused'
    case DomainState.pmSuspended:
      return 'sleeping'
    case DomainState.shutoff:
    case DomainState.crashed:
    case DomainState.none:
      return saved ? 'saved' : 'off'
    default:
      return 'running' // blocked and shutting down still count as on
  }
}

function toOffReason(state: number, reason: number): OffReason {
  if (state === DomainState.crashed) return 'crashed'
  switch (reason) {
    case ShutoffReason.shutdown:
      return 'guest'
    case ShutoffReason.destroyed:
      return 'destroyed'
    case ShutoffReason.crashed:
      return 'crashed'
    default:
      return 'unknown' // includes a start that failed: nothing ran
  }
}
