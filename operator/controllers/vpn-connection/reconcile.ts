// SPDX-License-Identifier: Apache-2.0
import type { VPNConnection, VPNService } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { findAbsence } from '../../placed/absence.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { describeCertificate } from '../../vpn/certificate.ts'
import { givenKey } from '../../vpn/given-key.ts'
import { judgeConnection, ownAddressOf } from './judge.ts'
import { chainOf, type VPNKey } from '../../vpn/key-store.ts'
import { LOOK_AGAIN_MS } from '../../secrets/look-again.ts'
import { localIDOf } from '../../vpn/local-id.ts'
import { vpnService as serviceOfConnection } from './kind.ts'

export type VPNConnectionDeps = Pick<OperatorDeps, 'bus' | 'caches' | 'vpnKeys' | 'writer'>

type ConnectionRun = Pick<Run, 'client' | 'event' | 'now' | 'signal'>

export async function reconcileVPNConnection(
  connection: VPNConnection,
  deps: VPNConnectionDeps,
  run: ConnectionRun,
): Promise<Outcome> {
  const before = connection.status?.state
  const outcome = await reconcileTunnel(connection, deps, run)
  tellChange(connection, before, outcome, run)
  return outcome
}

/** An Event when the tunnel comes up, and when one that was up is not any more. */
function tellChange(
  { spec: { peerAddress }, status: { state } = {} }: VPNConnection,
  before: NonNullable<VPNConnection['status']>['state'],
  outcome: Outcome,
  { event }: Pick<Run, 'event'>,
): void {
  if (state === before || state === 'DELETING') return
  const tunnel = `the tunnel to ${peerAddress}`
  const why = outcome.kind === 'wait' ? `: ${outcome.reason}, ${outcome.message}` : ''
  if (state === 'ACTIVE') event({ type: 'Normal', reason: 'TunnelUp', action: 'Connect', note: `${tunnel} is up` })
  else if (before === 'ACTIVE')
    event({ type: 'Warning', reason: 'TunnelDown', action: 'Connect', note: `${tunnel} is down${why}` })
}

async function reconcileTunnel(
  connection: VPNConnection,
  deps: VPNConnectionDeps,
  run: ConnectionRun,
): Promise<Outcome> {
  const status = (connection.status ??= {})
  const before = { state: status.state, reason: findCondition(status.conditions, 'Ready')?.reason }
  if (connection.metadata.deletionTimestamp !== undefined) return remove(connection, deps)
  status.state ??= 'BUILD'
  const service = resolveOnly(serviceOfConnection, connection, deps.caches)
  if (!service.ok) return stopped(connection, service.outcome, before, run.now)
  if (status.vpnServiceUID !== service.object.metadata.uid) {
    // The service stays while it has this: written before anything is made of it.
    status.vpnServiceUID = service.object.metadata.uid
    return saved
  }
  const verdict = judgeConnection(connection, service.object, deps.caches)
  if (!verdict.ok) return stopped(connection, verdict.outcome, before, run.now)
  status.localCIDRs = [...verdict.object]
  const externalIP = ownAddressOf(connection, service.object) ?? ''
  const { node = '' } = service.object.status ?? {}
  const from = { node, externalIP, client: run.client, signal: run.signal }
  const { key, lacks } = await deps.vpnKeys.find(connection, from, () => givenKey(connection, service.object, deps))
  if (key === undefined) return stopped(connection, lacks ?? done, before, run.now)
  recordKey(connection, key, externalIP)
  const seen = observe(connection, service.object, deps)
  status.state = seen.state
  const reason = seen.lacks?.kind === 'wait' ? seen.lacks.reason : undefined
  recordSince(connection, before, reason, run.now)
  // A tunnel that is up with its old key stays up, and says what is wrong with the new one.
  return seen.lacks ?? lacks ?? { kind: 'done', retryAfterMs: LOOK_AGAIN_MS }
}

function recordKey(connection: VPNConnection, key: VPNKey, externalIP: string): void {
  const status = (connection.status ??= {})
  status.localID = localIDOf(connection, key, externalIP)
  const certificate = chainOf(key)
  if (certificate) status.certificate = describeCertificate(certificate)
  else delete status.certificate
}

interface Before {
  state: string | undefined
  reason: string | undefined
}

function stopped(connection: VPNConnection, outcome: Outcome, before: Before, now: Date): Outcome {
  const status = (connection.status ??= {})
  status.state = before.state === 'BUILD' || before.state === undefined ? 'BUILD' : 'DOWN'
  recordSince(connection, before, outcome.kind === 'wait' ? outcome.reason : undefined, now)
  return outcome
}

function recordSince(connection: VPNConnection, before: Before, reason: string | undefined, now: Date): void {
  const status = (connection.status ??= {})
  const isSame = before.state === status.state && (status.state === 'ACTIVE' || before.reason === reason)
  if (!isSame || status.since === undefined) status.since = now.toISOString()
}

function observe(
  { metadata }: VPNConnection,
  service: VPNService,
  deps: VPNConnectionDeps,
): { state: 'ACTIVE' | 'DOWN' | 'BUILD'; lacks?: Outcome } {
  const { node = '', epoch } = service.status ?? {}
  const absent = findAbsence(node, { held: 'the tunnel', noun: 'VPNConnection' }, deps)
  if (absent) return { state: 'DOWN', lacks: absent }
  const report = deps.bus.observed.find('vpn', service.metadata.uid, node)
  const answer = answerOf(report, askedOf(service, epoch, deps.writer()))
  const tunnel = answer?.facts.tunnels?.find(({ uid }) => uid === metadata.uid)
  if (!tunnel) return { state: 'BUILD', lacks: waitFor('Provisioning', `waiting for node ${node}`, LOOK_AGAIN_MS) }
  // One that is up says why what is asked for now is not in force.
  if (tunnel.up && tunnel.reason === undefined) return { state: 'ACTIVE' }
  const { reason = 'TunnelDown', message = 'the tunnel is down' } = tunnel
  return { state: tunnel.up ? 'ACTIVE' : 'DOWN', lacks: waitFor(reason, message, LOOK_AGAIN_MS) }
}

/** Once its node has ended the tunnel, or need not any more. */
function remove(connection: VPNConnection, deps: VPNConnectionDeps): Outcome {
  const status = (connection.status ??= {})
  status.state = 'DELETING'
  const users = waitForHolders('vpnConnections', connection, deps.caches)
  if (users) return users
  const service = deps.caches.vpnServices.findByUid(status.vpnServiceUID ?? '')
  const { node } = service?.status ?? {}
  if (!service || node === undefined) return released
  if (findAbsence(node, { held: 'the tunnel', noun: 'VPNConnection' }, deps)) return released
  const { uid } = connection.metadata
  // Whatever it was told: it has the tunnel until it says that it has not.
  const report = deps.bus.observed.find('vpn', service.metadata.uid, node)
  const isThere = report?.facts.tunnels?.some((tunnel) => tunnel.uid === uid) ?? false
  return isThere ? waitFor('Releasing', `waiting for node ${node} to end the tunnel`) : released
}
