// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import {
  CLOUD_NAME,
  FINALIZER,
  GROUP,
  INSTANCE,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  PORT,
  VERSION,
} from '../../../lib/api/kinds.ts'
import type { Instance, Network, Port } from '../../../lib/api/types.ts'
import type { NewObject } from '../../../lib/kube/client.ts'
import { isAlreadyExists } from '../../../lib/kube/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { chooseMac, DEFAULT_MAC_PREFIX } from '../../ipam/mac.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import type { Admitted } from './admitted.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import { macKey } from '../port/address-keys.ts'
import { allMissing, found, missing, type Found } from '../../kind/found.ts'
import { keyOf } from '../../kind/references.ts'
import { resolve } from '../../kind/resolve.ts'
import { network, port as portOfMachine } from './kind.ts'
import { assertNotReserved, NO_MAC_LOOK_MS } from '../port/addresses.ts'
import type { ResolvedAddress } from '../port/claim-address.ts'
import { isOutside } from '../port/outside.ts'
import { isForeignTo, mayHaveMac, refuseChoice } from '../port/owners-choice.ts'
import { reservedUseOf } from '../port/reserved-mac.ts'
import { claimAddresses } from './addresses.ts'
import { deletePort } from './interfaces.ts'
import { isBeforeRecords, listNics, macSeedOf, MAX_NICS, portKeyOf, type Nic } from './nics.ts'
import { whyNotHere } from './reach.ts'

/** The machine's ports in the order of its interfaces, of which each is added to a placed machine only where its node can. Automatic ones are created after their addresses are claimed (step 10). */
export async function ensurePorts(
  instance: Instance,
  admitted: Admitted,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Found<Port[]>> {
  const ports: Port[] = []
  for (const nic of listNics(instance)) {
    const port = await ensurePort(instance, nic, admitted, deps, run)
    if (!port.ok) return allMissing([port.outcome, ...listMissing(instance, deps, nic.index + 1)]) ?? port
    ports.push(port.object)
  }
  return found(ports)
}

async function ensurePort(
  instance: Instance,
  nic: Nic,
  admitted: Admitted,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Found<Port>> {
  if (nic.slot >= MAX_NICS) {
    return missing(
      'NoFreeSlot',
      `a machine has at most ${MAX_NICS} interfaces, with those that its guest has not let go of yet: spec.networks[${nic.index}] waits for one to go`,
    )
  }
  const port = nic.isAutomatic
    ? await ensureAutomatic(instance, nic, admitted, deps, run)
    : findOwn(instance, nic, deps)
  const why = port.ok && nic.portUid === undefined ? whyNotHere(instance, nic, port.object, deps) : undefined
  return why ?? port
}

/** Why the Networks or Ports of the interfaces from this index on do not resolve. */
export function listMissing(instance: Instance, deps: InstanceDeps, fromIndex = 0): Outcome[] {
  const nics = listNics(instance).filter(({ index }) => index >= fromIndex)
  return nics.flatMap((nic) => {
    if (nic.isAutomatic && deps.caches.ports.findByKey(portKeyOf(instance, nic))) return []
    const target = nic.isAutomatic ? findNetwork(instance, nic, deps) : findPort(instance, nic, deps)
    return target.ok ? [] : [target.outcome]
  })
}

function findNetwork(instance: Instance, nic: Nic, { caches }: InstanceDeps): Found<Network> {
  const field = `spec.networks[${nic.index}].networkRef`
  return resolve(network, instance, { ref: nic.want.networkRef ?? { name: '' }, field }, caches)
}

function findPort(instance: Instance, nic: Nic, { caches }: InstanceDeps): Found<Port> {
  const field = `spec.networks[${nic.index}].portRef`
  return resolve(portOfMachine, instance, { ref: { name: nic.portName }, field }, caches)
}

function findOwn(instance: Instance, nic: Nic, deps: InstanceDeps): Found<Port> {
  const port = findPort(instance, nic, deps)
  if (!port.ok) return port
  const { instance: holder, trunk } = port.object.status ?? {}
  if (isOutside(port.object)) {
    const what = `Port ${nic.portName} in spec.networks[${nic.index}].portRef is of a host outside (vnicType external)`
    return missing('PortExternal', `${what}: name another Port`)
  }
  if (trunk) {
    const what = `Port ${nic.portName} in spec.networks[${nic.index}].portRef is a subport of Trunk ${trunk.name}`
    return missing('PortInUse', `${what}: name another Port, or take it out there`)
  }
  const owner = ownerUidOf(port.object)
  if ((holder && holder.uid !== instance.metadata.uid) || owner !== undefined) {
    return missing(
      'PortInUse',
      `Port ${nic.portName} in spec.networks[${nic.index}].portRef is used by Instance ${holder?.name ?? '(another)'}`,
    )
  }
  const router = port.object.status?.router
  if (router) {
    const message = `Port ${nic.portName} in spec.networks[${nic.index}].portRef is Router ${router.name}'s: name another, or take it out of the Router`
    return missing('PortInUse', message)
  }
  if (port.object.status?.macAddress === undefined) return missing('PortNotReady', `waiting for Port ${nic.portName}`)
  // The port controller decides which of the machines that name the Port gets it; this one's node is told once that is written.
  if (instance.status?.node !== undefined && !holder) {
    return missing('PortNotReady', `waiting for Port ${nic.portName} to be given to a machine`)
  }
  return port
}

async function ensureAutomatic(
  instance: Instance,
  nic: Nic,
  admitted: Admitted,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Found<Port>> {
  const key = portKeyOf(instance, nic)
  const existing = deps.caches.ports.findByKey(key)
  if (existing) {
    if (ownerUidOf(existing) !== instance.metadata.uid) {
      return missing('PortNameTaken', `a Port ${key} exists that was not made for this Instance: delete it`)
    }
    if (nic.portUid !== existing.metadata.uid && !isBeforeRecords(instance)) {
      const unfit = await whyNotTake(instance, nic, existing, deps, run)
      if (unfit) return unfit
    }
    return found(await followGroups(instance, existing, run))
  }
  const network = findNetwork(instance, nic, deps)
  if (!network.ok) return network
  assertNicMayChoose(instance, nic, network.object)
  const mac = findMac(instance, nic, network.object, deps)
  if (!mac.ok) return mac
  const addresses = await claimAddresses(instance, nic, { network: network.object, mac: mac.object }, deps)
  if (!addresses.ok) return addresses
  try {
    return found(
      await run.client.create<Port>(
        PORT,
        newPort(instance, nic, { mac: mac.object, addresses: addresses.object, admitted }),
        { signal: run.signal },
      ),
    )
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    return missing('PortPending', `waiting for Port ${key} to be seen`, 200)
  }
}

/** A Port by the name of this interface's that is not known to be its: made a moment ago, or for another one that had its place. */
async function whyNotTake(
  instance: Instance,
  nic: Nic,
  port: Port,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Extract<Found<never>, { ok: false }> | undefined> {
  const network = findNetwork(instance, nic, deps)
  if (!network.ok) return network
  assertNicMayChoose(instance, nic, network.object)
  if (!wasMadeFor(port, nic, instance)) await deletePort(port, deps, run)
  const { uid, deletionTimestamp } = port.metadata
  if (deletionTimestamp === undefined && !deps.deletions.has(uid)) return undefined
  return missing('PortPending', `waiting for Port ${keyOfObject(port)} to go, which another interface had`)
}

/** Is the Port such as the interface asks for? */
function wasMadeFor({ spec }: Port, { want }: Nic, { metadata: { namespace } }: Instance): boolean {
  const { networkRef, subnetRef, ipAddress, macAddress, vnicType } = want
  const fixedIPs = spec.fixedIPs ?? []
  return (
    networkRef !== undefined &&
    keyOf(networkRef, namespace) === keyOf(spec.networkRef, namespace) &&
    (subnetRef === undefined || fixedIPs.some((fixed) => fixed.subnetRef.name === subnetRef.name)) &&
    (ipAddress === undefined || fixedIPs.some((fixed) => fixed.ipAddress === ipAddress)) &&
    (macAddress === undefined || spec.macAddress === macAddress) &&
    (vnicType === undefined || spec.vnicType === vnicType)
  )
}

/** @throws TerminalError `NotNetworkOwner` */
function assertNicMayChoose(instance: Instance, { index, want }: Nic, network: Network): void {
  if (!isForeignTo(network, instance) || isBeforeRecords(instance)) return
  for (const field of ['ipAddress', 'macAddress'] as const)
    if (want[field] !== undefined) refuseChoice(`spec.networks[${index}].${field}`, network)
}

function findMac(instance: Instance, nic: Nic, network: Network, deps: InstanceDeps): Found<string> {
  const networkKey = keyOfObject(network)
  const isTaken = (mac: string) =>
    reservedUseOf(mac, network, deps) !== undefined ||
    deps.caches.ports.listBy('mac', macKey(networkKey, mac)).some((port) => mayHaveMac(port, mac, network, deps))
  const wanted = nic.want.macAddress
  if (wanted !== undefined) {
    const field = `spec.networks[${nic.index}].macAddress`
    assertNotReserved(field, wanted, network, deps)
    return isTaken(wanted)
      ? missing('MACInUse', `${field} ${wanted} is taken on Network ${networkKey}: write another or leave it out`)
      : found(wanted)
  }
  const prefix = deps.caches.clouds.find(undefined, CLOUD_NAME)?.spec.macPrefix ?? DEFAULT_MAC_PREFIX
  const mac = chooseMac(prefix, macSeedOf(instance, nic), isTaken)
  return mac === undefined
    ? missing('NoFreeMAC', `no MAC address with prefix ${prefix} is free on Network ${networkKey}`, NO_MAC_LOOK_MS)
    : found(mac)
}

/** Complete, finalizer included, so that one write is enough. */
function newPort(
  instance: Instance,
  nic: Nic,
  facts: { mac: string; addresses: readonly ResolvedAddress[]; admitted: Admitted },
): NewObject<Port> {
  const { name, uid, namespace = '' } = instance.metadata
  const ref = nic.want.networkRef ?? { name: '' }
  const isForeign = ref.namespace !== undefined && keyOf(ref, namespace) !== keyOf({ name: ref.name }, namespace)
  const { securityGroupRefs } = instance.spec
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: PORT.kind,
    metadata: {
      name: nic.portName,
      namespace,
      labels: { [MANAGED_BY_LABEL]: MANAGED_BY },
      finalizers: [FINALIZER],
      ownerReferences: [
        {
          apiVersion: `${GROUP}/${VERSION}`,
          kind: INSTANCE.kind,
          name,
          uid,
          controller: true,
          blockOwnerDeletion: false,
        },
      ],
    },
    spec: {
      networkRef: isForeign ? { name: ref.name, namespace: ref.namespace } : { name: ref.name },
      macAddress: facts.mac,
      fixedIPs: facts.addresses.map(({ subnet, address }) => ({
        subnetRef: { name: subnet.metadata.name },
        ipAddress: address,
      })),
      ...(securityGroupRefs === undefined ? {} : { securityGroupRefs }),
      vnicType: nic.want.vnicType ?? vnicOf(facts.admitted.image.spec.properties),
    },
  }
}

/** An image can ask for vhost-user through its properties, as for other virtual hardware. */
export function vnicOf(properties: Readonly<Record<string, string>> | undefined): 'normal' | 'vhostuser' {
  return properties?.['hw_vif_type'] === 'vhostuser' ? 'vhostuser' : 'normal'
}

/** Changes of the Instance's security groups are carried over to its automatic ports, which are ours to change. */
async function followGroups(instance: Instance, port: Port, run: InstanceRun): Promise<Port> {
  const wanted = instance.spec.securityGroupRefs
  if (isDeepStrictEqual(wanted, port.spec.securityGroupRefs) || port.metadata.deletionTimestamp !== undefined)
    return port
  const { namespace, name, resourceVersion } = port.metadata
  const patch = { metadata: { resourceVersion }, spec: { securityGroupRefs: wanted ?? null } }
  return run.client.mergePatch<Port>(PORT, { namespace, name }, patch, { signal: run.signal })
}
