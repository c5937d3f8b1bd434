// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { Router, VPNService } from '../../../lib/api/types.ts'
import { recipientOf } from '../../../lib/pki/sealed.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import { findAbsence } from '../../placed/absence.ts'
import { isStaying } from '../../placed/lost-node.ts'
import { nextEpoch } from '../../placed/next-epoch.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { releaseFrom } from '../../placed/release.ts'
import { failureOf, refusalOf } from '../../placed/trouble.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { givenKey } from '../../vpn/given-key.ts'
import type { VPNKey } from '../../vpn/key-store.ts'
import { judgeConnection, listConnections, listJoined, listRouted, ownAddressOf } from '../vpn-connection/judge.ts'
import { vpnDocument, type Accepted } from './document.ts'
import { recordOutside, releaseOthers, resolveOutside, type Outside } from './outside.ts'
import { withdrawDeleted } from './withdraw.ts'

export type VPNServiceDeps = Pick<
  OperatorDeps,
  'addresses' | 'bus' | 'caches' | 'network' | 'regression' | 'releases' | 'vpnKeys' | 'writer'
>
type Status = NonNullable<VPNService['status']>
type ServiceRun = Pick<Run, 'client' | 'signal'>

/** Stages: its Router, address and node; the way there; its connections on the node. */
export async function reconcileVPNService(
  service: VPNService,
  deps: VPNServiceDeps,
  run: ServiceRun,
): Promise<Outcome> {
  const status = (service.status ??= {})
  if (status.node !== undefined) {
    const place = { kind: 'vpn' as const, node: status.node, epoch: status.epoch ?? 0 }
    const regressed = deps.regression.check(service, place, deps.writer())
    if (regressed) return regressed
  }
  await withdrawDeleted(service, deps)
  const isGoing = service.metadata.deletionTimestamp !== undefined
  const users = isGoing ? waitForHolders('vpnServices', service, deps.caches) : undefined
  if (isGoing && !users) return remove(service, deps, run)
  // While it has connections it goes on: theirs is to end first.
  const outcome = await serve(service, deps, run)
  if (!users || outcome.kind === 'saved') return outcome
  status.state = 'DELETING'
  return users
}

async function serve(service: VPNService, deps: VPNServiceDeps, run: ServiceRun): Promise<Outcome> {
  const status = (service.status ??= {})
  status.state ??= 'BUILD'
  const outside = await resolveOutside(service, deps)
  if (!outside.ok) {
    status.state = 'BUILD'
    if (await leaveGoing(service, deps, run)) return saved
    await releasePending(service, deps)
    return outside.outcome
  }
  if (isElsewhere(service, outside.object)) {
    if (hasTooMany(status, outside.object.node)) {
      await releasePending(service, deps)
      return hasTooMany(status, outside.object.node) ? waitForPending(status) : saved
    }
    move(service, outside.object, deps)
    return saved
  }
  const accepted = await acceptConnections(service, deps, run)
  await realise(service, outside.object, deps, run)
  const { uid } = service.metadata
  const sealingKey = deps.caches.computeNodes.find(undefined, outside.object.node)?.status?.sealingKey
  // What it was told before, it keeps.
  if (sealingKey === undefined && accepted.length > 0) {
    await releasePending(service, deps)
    return withoutSealingKey(service, outside.object.node)
  }
  const known = accepted.filter(({ key }) => isFor(key, sealingKey))
  const seal = (texts: ReadonlyMap<string, string>) =>
    deps.vpnKeys.seal(uid, { node: outside.object.node, sealingKey: sealingKey ?? '' }, texts)
  const facts = { transitMtu: transitMtuOf(outside.object.router, deps), writer: deps.writer(), seal }
  await deps.bus.desired.publish(vpnDocument(service, outside.object, known, facts))
  await releasePending(service, deps)
  const outcome = observe(service, deps)
  // Of a Network that its Router has left: once no node has them any more.
  if (outcome.kind === 'done' && status.pendingReleases === undefined)
    await releaseOthers(service, outside.object.addresses, deps)
  return outcome
}

/** What was sealed for a key that the node no longer has is of no use. */
function isFor({ given }: VPNKey, sealingKey: string | undefined): boolean {
  return given === undefined || recipientOf(given.sealedKey) === sealingKey
}

function withoutSealingKey(service: VPNService, node: string): Outcome {
  const message = `node ${node} announces no key for which keys could be sealed: upgrade its agent, or look into its log (kubectl get computenode ${node})`
  ;(service.status ??= {}).state = 'BUILD'
  return waitFor('SealingKeyMissing', message)
}

function isElsewhere({ status = {} }: VPNService, { router, network, addresses, node }: Outside): boolean {
  const held = [status.externalIP, status.externalIPv6].filter((address) => address !== undefined)
  return (
    status.node !== node ||
    status.routerUID !== router.metadata.uid ||
    status.networkUID !== network.metadata.uid ||
    !isDeepStrictEqual(
      held,
      addresses.map(({ address }) => address),
    )
  )
}

/** Written before any node hears of it. The node that had it is told to let go; what it does next need not wait for that, since OVN gives the address to one node alone. */
function move(service: VPNService, outside: Outside, deps: VPNServiceDeps): void {
  const status = (service.status ??= {})
  recordOutside(service, outside)
  const { node } = outside
  const { uid } = service.metadata
  if (status.node !== node) leave(status)
  setPending(
    status,
    (status.pendingReleases ?? []).filter((one) => one.node !== node),
  )
  Object.assign(status, { node, epoch: nextEpoch({ kind: 'vpn', uid, node }, status.epoch, deps), state: 'BUILD' })
}

/** Its node goes, or it goes itself, and no other can have it yet. @returns whether it was there */
async function leaveGoing(
  { metadata, status = {} }: VPNService,
  deps: VPNServiceDeps,
  { signal }: ServiceRun,
): Promise<boolean> {
  const isGoing = metadata.deletionTimestamp !== undefined
  if (status.node === undefined || (!isGoing && isStaying(status.node, deps))) return false
  for (const kind of ['VPNService', 'ServicePort'] as const) await deps.network.remove(kind, metadata.uid, signal)
  leave(status)
  return true
}

function leave(status: Status): void {
  const { node, epoch = 0, pendingReleases = [] } = status
  if (node === undefined) return
  setPending(status, [...pendingReleases.filter((one) => one.node !== node), { node, epoch }])
  delete status.node
}

/** One fewer than its status can show, for the node that it has then. None is forgotten: it stays where it is until one lets go. */
const MOST_PENDING = 15

function hasTooMany({ node, pendingReleases = [] }: Status, next: string): boolean {
  const had = new Set([...pendingReleases.map((one) => one.node), ...(node === undefined ? [] : [node])])
  had.delete(next)
  return node !== next && had.size > MOST_PENDING
}

function waitForPending({ pendingReleases = [] }: Status): Outcome {
  const [first] = pendingReleases
  return waitFor(
    'Releasing',
    `${pendingReleases.length} nodes have not let go of it, such as ${first?.node ?? ''}: if they are off for good, set spec.lost: Confirmed on their ComputeNodes`,
  )
}

function setPending(status: Status, pending: NonNullable<Status['pendingReleases']>): void {
  if (pending.length > 0) status.pendingReleases = [...pending]
  else delete status.pendingReleases
}

async function acceptConnections(service: VPNService, deps: VPNServiceDeps, run: ServiceRun): Promise<Accepted[]> {
  const accepted: Accepted[] = []
  const { node = '' } = service.status ?? {}
  for (const connection of listConnections(service, deps.caches)) {
    const verdict = judgeConnection(connection, service, deps.caches)
    if (!verdict.ok) continue
    const { key } = await deps.vpnKeys.find(
      connection,
      { node, externalIP: ownAddressOf(connection, service) ?? '', ...run },
      () => givenKey(connection, service, deps),
    )
    if (key !== undefined) accepted.push({ connection, localCIDRs: verdict.object, key })
  }
  return accepted
}

async function realise(
  service: VPNService,
  { router, network, addresses, node }: Outside,
  deps: VPNServiceDeps,
  { signal }: ServiceRun,
): Promise<void> {
  await deps.network.ensure(
    {
      ...{ kind: 'ServicePort', ...ownerOf(service), networkUid: network.metadata.uid },
      ports: [{ node, addresses: addresses.map(({ address }) => address), alsoSpeaksFor: [] }],
    },
    signal,
  )
  const peerCIDRs = listRouted(service, router, deps.caches)
  await deps.network.ensure(
    { kind: 'VPNService', ...ownerOf(service), routerUid: router.metadata.uid, node, peerCIDRs },
    signal,
  )
}

/** What all networks behind the Router can take: who sends more is told by the namespace. */
function transitMtuOf(router: Router, { caches }: Pick<OperatorDeps, 'caches'>): number {
  const networks = listJoined(router, caches).flatMap((subnet) => caches.networks.findByKey(networkKeyOf(subnet)) ?? [])
  return Math.min(1500, ...networks.flatMap(({ status }) => status?.mtu ?? []))
}

async function releasePending(service: VPNService, deps: VPNServiceDeps): Promise<void> {
  const status = (service.status ??= {})
  const left: NonNullable<typeof status.pendingReleases> = []
  for (const one of status.pendingReleases ?? [])
    if (await releaseFrom({ kind: 'vpn', object: service, ...one }, deps)) left.push(one)
  setPending(status, left)
}

function observe(service: VPNService, deps: VPNServiceDeps): Outcome {
  const status = (service.status ??= {})
  const { node = '' } = status
  const report = deps.bus.observed.find('vpn', service.metadata.uid, node)
  const answer = answerOf(report, askedOf(service, status.epoch, deps.writer()))
  const refusal = refusalOf(answer, { reason: 'Refused', message: `node ${node} refused the VPN` })
  if (refusal) throw refusal
  const absent = findAbsence(node, { held: 'the VPN', noun: 'VPNService' }, deps)
  if (absent) return absent
  if (answer?.state === 'ready') {
    status.state = 'ACTIVE'
    return done
  }
  status.state = 'BUILD'
  const failure = failureOf(answer, { reason: 'VPNFailed', message: `node ${node} is trying again` })
  return failure ?? waitFor('Provisioning', `waiting for node ${node}`)
}

async function remove(service: VPNService, deps: VPNServiceDeps, { signal }: ServiceRun): Promise<Outcome> {
  const status = (service.status ??= {})
  status.state = 'DELETING'
  await deps.network.remove('VPNService', service.metadata.uid, signal)
  await deps.network.remove('ServicePort', service.metadata.uid, signal)
  await releasePending(service, deps)
  if (status.node !== undefined) {
    const { node, epoch = 0 } = status
    const waiting = await releaseFrom({ kind: 'vpn', object: service, node, epoch }, deps)
    if (waiting) return waiting
  }
  const [first] = status.pendingReleases ?? []
  if (first) return waitFor('Releasing', `waiting for node ${first.node} to release it`)
  await releaseOthers(service, [], deps)
  return released
}
