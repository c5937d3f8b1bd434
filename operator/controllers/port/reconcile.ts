// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { done, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { allMissing, found, missing, type Found } from '../../kind/found.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { network as networkOfPort } from './kind.ts'
import { releaseFrom } from '../../placed/release.ts'
import { toAddressList } from '../common/address-list.ts'
import { controllerOf } from '../common/sdn-controller.ts'
import { assertControllerDoes } from './on-controller.ts'
import { isRealised } from '../common/realised-network.ts'
import { whyUnconnected } from './unconnected.ts'
import { resolveAddresses, resolveMac } from './addresses.ts'
import { assertGiven, bind, type ResolvedIdentity } from './bind.ts'
import { listFormerPlaces, planBinding, type BindingPlan } from './binding.ts'
import { recordName } from './dns-name.ts'
import { ensureLogicalPort, keepLogicalPort, placeByHand, placeOf } from './logical-port.ts'
import { resolveGroups } from './membership.ts'
import type { TakenPort } from '../../network/network-driver.ts'
import { decideOrigin } from './origin.ts'
import { whyNotTold } from './extra-dhcp.ts'
import { isOutside } from './outside.ts'
import { isOffSwitch } from './off-switch.ts'
import { chooseServers, getPhysicalNetwork, observeOutside } from './serve-outside.ts'
import { settleFunction } from './settle-function.ts'
import { assertMayChooseAddresses, assertMayChooseMac } from './owners-choice.ts'
import { record } from './status.ts'
import { removePort } from './remove.ts'
import { applyPortPolicy, resolvePortPolicy, whyNotSetAside } from './qos-policy.ts'
import { policyInEffect } from '../qos-policy/users.ts'
import { settleRouter } from './router-claim.ts'
import { resolveSecurity, type PortSecurity } from './security.ts'
import { eventOfSpeakers } from './speakers.ts'
import { recordOf } from './subport.ts'
import { observeVirtual, virtualOf } from './virtual.ts'
import type { PortDeps, PortRun } from './deps.ts'

/** Stages: identity (MAC, addresses), security groups, its machine's place, the logical port, the port on the node. */
export async function reconcilePort(port: Port, deps: PortDeps, run: PortRun): Promise<Outcome> {
  const status = (port.status ??= {})
  decideOrigin(port, deps)
  if (port.metadata.deletionTimestamp !== undefined) return removePort(port, deps, run)
  if (status.state !== 'ACTIVE') status.state = 'BUILD'

  const identity = await resolveIdentity(port, deps, run).catch(async (error: unknown) => {
    await keepLogicalPort(port, deps, run.signal)
    throw error
  })
  if (!identity.ok) {
    await keepLogicalPort(port, deps, run.signal)
    return identity.outcome
  }
  const { network, security, lacks } = identity.object

  if (isOutside(port)) {
    const nodes = chooseServers(port, network, deps)
    await ensureLogicalPort(port, identity.object, { servedBy: nodes }, deps, run.signal)
    const outcome = observeOutside(port, nodes, deps)
    if (outcome.kind !== 'done') return outcome
    assertGiven(security)
    assertMayChooseMac(port, network, deps)
    return lacks ?? whyNotTold(port, identity.object.addresses) ?? done
  }
  for (const place of listFormerPlaces(port, deps)) {
    const waiting = await releaseFrom({ kind: 'port', object: port, ...place }, deps)
    if (!waiting) continue
    // What leaves its Trunk is off the interface at once: another one may have the tag already.
    if (status.trunk) await keepLogicalPort(port, deps, run.signal)
    return waiting
  }
  const ofRouter = await settleRouter(port, deps, run.signal)
  if (ofRouter) {
    delete status.virtual
    recordName(port, { network, hostname: undefined }, deps, run.now)
    return ofRouter.kind === 'done' ? (lacks ?? ofRouter) : ofRouter
  }
  const plan = planBinding(port, deps)
  if (plan.kind === 'decided') {
    applyBinding(port, plan)
    return saved
  }
  if (plan.kind === 'unplaced') return waitFor('Unbound', plan.message)
  const hostname = controllerOf(network) === undefined ? plan.binding?.hostname : undefined
  recordName(port, { network, hostname }, deps, run.now)
  // Its SDN controller has to know where it is going to be, to program it there and elsewhere.
  if (plan.binding && controllerOf(network) !== undefined && status.node !== plan.binding.node) {
    record(port, plan.binding)
    return saved
  }
  if (isOffSwitch(port)) return settleFunction(port, identity.object, plan.binding, deps, run.signal)
  // First of all, so that nothing passes without it.
  const given = policyInEffect(identity.object.policy, port, deps.caches)
  if (given.ok) await applyPortPolicy(port, network, given.object, deps, run.signal)
  await ensureLogicalPort(port, identity.object, placeOf(plan.binding), deps, run.signal)
  if (!plan.binding) status.state = 'DOWN'
  const isFree = !plan.binding && placeByHand(port, deps).node === undefined
  observeVirtual(port, isFree ? virtualOf(port, network, identity.object.addresses, deps.caches) : undefined, deps)
  const outcome = plan.binding ? await bind(port, identity.object, plan.binding, deps) : done
  if (outcome.kind !== 'done') return outcome
  const taken = plan.binding && deps.network.listTaken().find(({ uid }) => uid === port.metadata.uid)
  if (taken) return claimedElsewhere(taken)
  const unconnected = plan.binding && whyUnconnected(network, plan.binding.node, deps.caches)
  if (unconnected) {
    status.state = 'DOWN'
    return unconnected
  }
  assertGiven(security)
  assertMayChooseMac(port, network, deps)
  const policy = identity.object.policy
  const untold = whyNotTold(port, identity.object.addresses)
  return lacks ?? whyNotSetAside(policy.ok ? policy.object : undefined, network) ?? untold ?? done
}

/** MAC, addresses, groups: what identifies the port wherever it is plugged. */
async function resolveIdentity(port: Port, deps: PortDeps, run: PortRun): Promise<Found<ResolvedIdentity>> {
  const status = (port.status ??= {})
  const network = resolveOnly(networkOfPort, port, deps.caches)
  if (!network.ok) return (await withGroups(port, network.outcome, deps, run)) ?? network
  if (!isRealised(network.object)) {
    return missing('NetworkNotReady', `waiting for Network ${keyOfObject(network.object)}`)
  }
  const isNew = status.networkUID === undefined
  const security = resolveSecurity(port, network.object, deps)
  assertControllerDoes(port, network.object, security.enabled)
  if (isOffSwitch(port)) getPhysicalNetwork(port, network.object)
  if (isNew) {
    assertGiven(security)
    assertMayChooseMac(port, network.object, deps)
  }
  assertMayChooseAddresses(port, network.object, deps)
  const mac = resolveMac(port, network.object, deps)
  if (!mac.ok) return fail(port, mac)
  const addresses = await resolveAddresses(port, { network: network.object, mac: mac.object }, deps)
  if (!addresses.ok) return fail(port, (await withGroups(port, addresses.outcome, deps, run)) ?? addresses)
  const { uids: groups, lacks: noGroup } = await resolveGroups(port, security.enabled, deps, run)
  const policy = resolvePortPolicy(port, network.object, deps.caches)
  const lacks = allMissing([noGroup, policy.ok ? undefined : policy.outcome])?.outcome
  // Rules come first: a new port is not plugged in before all its groups and its policy are known. An existing one joins the groups that
  // can be found, and keeps the policy that it has.
  if (lacks && isNew) return { ok: false, outcome: lacks }
  status.networkUID = network.object.metadata.uid
  status.macAddress = mac.object
  status.fixedIPs = addresses.object.map(({ subnet, address, prefixLength }) => ({
    subnet: subnet.metadata.name,
    ipAddress: address,
    prefixLength,
  }))
  status.addressList = toAddressList(status.fixedIPs)
  recordSecurity(port, security, groups)
  const speakers = isNew ? eventOfSpeakers(port, network.object, deps) : undefined
  if (speakers) run.event(speakers)
  return found({
    network: network.object,
    mac: mac.object,
    addresses: addresses.object,
    groups,
    security,
    policy,
    lacks,
  })
}

/** Adds the groups that it names and that are missing to the outcome, so that all is reported at once. */
async function withGroups(port: Port, outcome: Outcome, deps: PortDeps, run: PortRun) {
  if (port.spec.securityGroupRefs === undefined || port.spec.portSecurityEnabled === false) return undefined
  const { lacks } = await resolveGroups(port, true, deps, run)
  return allMissing([outcome, lacks])
}

type Decided = Extract<BindingPlan, { kind: 'decided' }>

function applyBinding(port: Port, { binding, keptFor, subport }: Decided): void {
  const status = (port.status ??= {})
  const trunk = subport && recordOf(subport)
  if (trunk) status.trunk = trunk
  else delete status.trunk
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

/** Reported only if nothing else is: other waits are something that a user of this namespace can resolve. */
function claimedElsewhere({ node }: TakenPort): Outcome {
  const message = `node ${node} has claimed it in OVN and was not asked to: its traffic may go there. An administrator looks at ComputeNode ${node}`
  return waitFor('ClaimedElsewhere', message)
}

/** Records what the port was given, and so keeps: resolveSecurity and resolveGroups read it back from the status. */
function recordSecurity(port: Port, { enabled, pairs }: PortSecurity, groups: readonly string[]): void {
  const status = (port.status ??= {})
  status.portSecurityEnabled = enabled
  status.securityGroupUIDs = [...groups]
  if (pairs.length > 0) status.allowedAddressPairs = [...pairs]
  else delete status.allowedAddressPairs
}

function fail<T extends Found<unknown>>(port: Port, failure: T): T {
  if (port.status) port.status.state = 'ERROR'
  return failure
}
