// SPDX-License-Identifier: Apache-2.0
import { PLUGGED_ON_ANNOTATION } from '../../../lib/api/kinds.ts'
import type { Instance, Network, Port } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { resolve } from '../common/references.ts'
import { releaseFrom } from '../common/release.ts'
import { mtuOf } from '../network/reconcile.ts'
import { resolveAddresses, resolveMac, type ResolvedAddress } from './addresses.ts'
import { listFormerPlaces, planBinding, type Binding } from './binding.ts'
import { portDocument } from './document.ts'
import { resolveGroups } from './membership.ts'
import { decideOrigin } from './origin.ts'
import { observePort } from './status.ts'
import { removePort } from './remove.ts'

export type PortDeps = Pick<
  OperatorDeps,
  'caches' | 'bus' | 'network' | 'addresses' | 'releases' | 'regression' | 'writer'
>
export type PortRun = Pick<Run, 'client' | 'signal' | 'event'>

/** Stages: identity (MAC, addresses), membership, the place of its machine, the logical port, the port on the node. */
export async function reconcilePort(port: Port, deps: PortDeps, run: PortRun): Promise<Outcome> {
  const status = (port.status ??= {})
  decideOrigin(port, deps)
  if (port.metadata.deletionTimestamp !== undefined) return removePort(port, deps, run)
  if (status.state !== 'ACTIVE') status.state = 'BUILD'

  const namespace = port.metadata.namespace ?? ''
  const network = resolve({
    cache: deps.caches.networks,
    kind: 'Network',
    ref: port.spec.networkRef,
    from: namespace,
    field: 'spec.networkRef',
    isKept: status.networkUID !== undefined,
    isGranted: ({ metadata }) => metadata.uid === status.networkUID,
  })
  if (!network.ok) return network.outcome
  if (network.object.status?.logicalSwitch === undefined) {
    return waitFor('NetworkNotReady', `waiting for Network ${keyOfObject(network.object)}`)
  }
  assertMayLoosen(port, network.object)
  const mac = resolveMac(port, network.object, deps)
  if (!mac.ok) return fail(port, mac.outcome)
  const addresses = await resolveAddresses(port, network.object, deps)
  if (!addresses.ok) return fail(port, addresses.outcome)
  const groups = await resolveGroups(port, network.object, deps, run)
  if (!groups.ok) return groups.outcome
  status.networkUID = network.object.metadata.uid
  status.macAddress = mac.object
  status.fixedIPs = addresses.object.map(({ subnet, address, prefixLength }) => ({
    subnet: subnet.metadata.name,
    ipAddress: address,
    prefixLength,
  }))

  for (const place of listFormerPlaces(port, deps)) {
    const waiting = await releaseFrom({ kind: 'port', object: port, ...place }, deps)
    if (waiting) return waiting
  }
  const plan = planBinding(port, deps)
  if (plan.kind === 'decided') {
    applyBinding(port, plan)
    return saved
  }
  const identity = { network: network.object, mac: mac.object, addresses: addresses.object, groups: groups.object }
  if (plan.kind === 'unplaced') return waitFor('Unbound', plan.message)
  await ensureLogicalPort(port, identity, plan.binding, deps, run)
  if (!plan.binding) {
    status.state = 'DOWN'
    return done
  }
  return bind(port, identity, plan.binding, deps)
}

interface Identity {
  network: Network
  mac: string
  addresses: readonly ResolvedAddress[]
  groups: readonly string[]
}

async function ensureLogicalPort(
  port: Port,
  identity: Identity,
  binding: Binding | undefined,
  deps: PortDeps,
  run: PortRun,
): Promise<void> {
  const { network, mac, addresses, groups } = identity
  await deps.network.ensurePort(
    {
      ...ownerOf(port),
      networkUid: network.metadata.uid,
      mac,
      fixedIPs: addresses.map(({ subnet, address }) => ({ subnetUid: subnet.metadata.uid, address })),
      ...placeOf(port, binding),
      portSecurityEnabled: isSecured(port, network),
      securityGroupUids: groups,
      allowedAddressPairs: port.spec.allowedAddressPairs ?? [],
    },
    run.signal,
  )
}

/** A machine's node; without a machine the one where the port's owner plugs it by hand, if any. */
function placeOf(port: Port, binding: Binding | undefined): { node?: string; hostname?: string } {
  if (binding) return { node: binding.node, hostname: binding.hostname }
  const node = port.metadata.annotations?.[PLUGGED_ON_ANNOTATION]
  return node === undefined || node === '' ? {} : { node }
}

async function bind(port: Port, identity: Identity, binding: Binding, deps: PortDeps): Promise<Outcome> {
  const writer = deps.writer()
  const regressed = deps.regression.check(port, { kind: 'port', node: binding.node, epoch: binding.epoch }, writer)
  if (regressed) return regressed
  const { mac, addresses, network } = identity
  const mtu = mtuOf(network, deps.caches.clouds)
  await deps.bus.desired.publish(
    portDocument(
      port,
      { binding, mac, addresses, networkUid: network.metadata.uid, network: keyOfObject(network), mtu },
      writer,
    ),
  )
  return observePort(port, binding, deps.bus.observed.find('port', port.metadata.uid, binding.node))
}

function applyBinding(port: Port, { binding, keptFor }: { binding: Binding | undefined; keptFor?: Instance }): void {
  const status = (port.status ??= {})
  if (binding) {
    status.instance = { name: binding.instance.metadata.name, uid: binding.instance.metadata.uid }
    status.node = binding.node
    status.epoch = binding.epoch
  } else {
    if (keptFor) status.instance = { name: keptFor.metadata.name, uid: keptFor.metadata.uid }
    else delete status.instance
    delete status.node
    status.state = 'DOWN'
  }
}

export function isSecured(port: Port, network: Network): boolean {
  return port.spec.portSecurityEnabled ?? network.spec.portSecurityEnabled ?? true
}

/**
 * On a network of another project nobody may send under another's address: other projects' guests, and the metadata service, tell each
 * other by it. @throws TerminalError `NotPermitted`
 */
function assertMayLoosen({ spec, metadata }: Port, network: Network): void {
  if (metadata.namespace === network.metadata.namespace || network.spec.portSecurityEnabled === false) return
  const field = spec.portSecurityEnabled === false ? 'portSecurityEnabled' : 'allowedAddressPairs'
  if (field === 'allowedAddressPairs' && (spec.allowedAddressPairs ?? []).length === 0) return
  throw new TerminalError(
    'NotPermitted',
    `spec.${field} can be set only in the namespace of Network ${keyOfObject(network)}: leave it out, or have the port made there`,
  )
}

function fail(port: Port, outcome: Outcome): Outcome {
  if (port.status) port.status.state = 'ERROR'
  return outcome
}
