// SPDX-License-Identifier: Apache-2.0
// Proxies of HTTP listeners: two nodes run one, and which of them has the address they decide between themselves.
import type { LoadBalancer, Subnet } from '../../../lib/api/types.ts'
import { readProbes, type ObservedDocument, type ObservedMember } from '../../../lib/contract/documents.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import { isStaying } from '../../placed/lost-node.ts'
import { nextEpoch } from '../../placed/next-epoch.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { failureOf } from '../../placed/trouble.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { chooseGateways, listGatewayNodes } from '../common/gateway-nodes.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { isRealised } from '../common/realised-network.ts'
import { claimProxies, releaseIdle, releaseProxies, type ProxyAddresses } from './proxy-addresses.ts'
import { MOST_PROXIES } from './kind.ts'
import { balancerDocument } from './document.ts'
import { recordLeaving, releaseLeaving } from './leaving-proxies.ts'
import type { Member } from './members.ts'
import type { Pool } from './pools.ts'
import { isServed, type ResolvedCertificates } from './certificates.ts'
import { sealFor } from './seal-certificates.ts'

export type ProxyDeps = Pick<
  OperatorDeps,
  'addresses' | 'bus' | 'caches' | 'certificates' | 'network' | 'regression' | 'releases' | 'writer'
>
export type Found = { pool: Pool; members: readonly Member[] }
type Proxy = NonNullable<NonNullable<LoadBalancer['status']>['proxies']>[number]

export interface Proxies {
  /** Write the status, and come again; or nothing can go on. */
  first?: Outcome
  lacks: readonly Outcome[]
  /** What was found of members by the proxy that serves, or by one that stands by; undefined: none has said. */
  probed?: readonly ObservedMember[] | undefined
  /** Whether one runs on a node that is heard: only then what was found of members stands. */
  isHeard?: boolean
}

/** @param found pools of HTTP listeners alone, and of HTTPS listeners with certificates; none: what was there goes */
export async function ensureProxies(
  balancer: LoadBalancer,
  subnet: Subnet,
  { found, certificates }: { found: readonly Found[]; certificates: Pick<ResolvedCertificates, 'listeners'> },
  deps: ProxyDeps,
  run: Pick<Run, 'signal'>,
): Promise<Proxies> {
  sayWhoServes(balancer, deps)
  if (found.length === 0) return { lacks: await leaveProxies(balancer, deps, run) }
  const serving = await serve(balancer, subnet, { found, certificates }, deps, run)
  // Those that serve need not wait for them: each has an address of its own, and the network takes the shared one from nobody else.
  if (!serving.first) await releaseLeaving(balancer, deps)
  return serving
}

async function serve(
  balancer: LoadBalancer,
  subnet: Subnet,
  { found, certificates }: { found: readonly Found[]; certificates: Pick<ResolvedCertificates, 'listeners'> },
  deps: ProxyDeps,
  run: Pick<Run, 'signal'>,
): Promise<Proxies> {
  const status = (balancer.status ??= {})
  const network = deps.caches.networks.findByKey(networkKeyOf(subnet))
  if (!network || !isRealised(network))
    return { lacks: [waitFor('NetworkNotReady', `waiting for the Network of Subnet ${subnet.metadata.name}`)] }
  const present = (status.proxies ?? []).map(({ node }) => node)
  const nodes = chooseGateways(present, listGatewayNodes(undefined, deps), balancer.metadata.uid, MOST_PROXIES)
  if (nodes.length === 0) {
    const gone = present.filter((node) => !isStaying(node, deps))
    if (gone.length > 0) {
      retire(status, gone)
      return { first: saved, lacks: [] }
    }
    if (present.length === 0) await deps.network.remove('ServicePort', balancer.metadata.uid, run.signal)
    return { lacks: [NO_NODE] }
  }
  const claimed = await claimProxies(balancer, subnet, nodes, deps)
  if (!claimed.ok) return { lacks: [claimed.outcome] }
  if (place(balancer, claimed.object, deps)) return { first: saved, lacks: [] }
  if (claimed.object.proxies.length === 0) return { lacks: claimed.object.lacks }
  for (const { node } of claimed.object.proxies) {
    const regressed = deps.regression.check(
      balancer,
      { kind: 'balancer', node, epoch: status.proxyEpoch ?? 0 },
      deps.writer(),
    )
    if (regressed) return { first: regressed, lacks: [] }
  }
  const { sharedAddress, proxies } = claimed.object
  await deps.network.ensure(
    {
      ...{ kind: 'ServicePort', ...ownerOf(balancer), networkUid: network.metadata.uid },
      ports: proxies.map(({ node, ipAddress }) => ({ node, addresses: [ipAddress], alsoSpeaksFor: [sharedAddress] })),
    },
    run.signal,
  )
  const sealed = new Map(proxies.map(({ node }) => [node, sealFor(balancer, node, certificates.listeners, deps)]))
  const documents = [...sealed].flatMap(([node, tls]) => {
    const served = found.filter(({ pool }) => isServed(pool.listener, tls))
    if (served.length === 0) return []
    const facts = { subnet, network, found: served, node, tls, addresses: claimed.object }
    return [balancerDocument(balancer, facts, deps.writer())]
  })
  for (const document of documents) await deps.bus.desired.publish(document)
  if (claimed.object.lacks.length === 0) await releaseIdle(balancer, deps)
  const reports = proxies.map(({ node }) => reportOf(balancer, node, deps))
  const failures = reports.flatMap((report) => failureOf(report, FAILED) ?? [])
  const said = reports.find((one) => one?.facts.serving) ?? reports.find((one) => one)
  // Of what that node was told: one without a sealing key serves less.
  const pools = documents.find(({ node }) => node === said?.node)?.spec.pools ?? []
  return {
    lacks: [
      ...[...sealed.values()].flatMap(({ lacks }) => lacks),
      ...[...failures, ...notServing(balancer), ...claimed.object.lacks],
    ],
    probed: readProbes(said?.facts.probes, pools),
    isHeard: proxies.some(({ node }) => !isSilent(node, deps)),
  }
}

function notServing({ status }: LoadBalancer): Outcome[] {
  const { proxies = [] } = status ?? {}
  if (proxies.some(({ serving }) => serving)) return []
  const nodes = proxies.map(({ node }) => node).join(' and ')
  const message = `no proxy serves its HTTP listeners, which ${nodes} should run: look at the ComputeNode and the log of its agent`
  return [waitFor('ProxyNotServing', message)]
}

const NO_NODE = waitFor(
  'NoGatewayNode',
  'no node can run its proxy: label one with nephele.dev/network=gateway that is up and not cordoned (kubectl get computenodes)',
)
const FAILED = { reason: 'ProxyFailed', message: 'a node cannot run its proxy, and tries again' }

/** Nothing of them is left, once nothing is waited for. */
export async function leaveProxies(
  balancer: LoadBalancer,
  deps: ProxyDeps,
  run: Pick<Run, 'signal'>,
): Promise<readonly Outcome[]> {
  const status = (balancer.status ??= {})
  retire(
    status,
    (status.proxies ?? []).map(({ node }) => node),
  )
  const left = await releaseLeaving(balancer, deps)
  if (left.length > 0) return left
  await deps.network.remove('ServicePort', balancer.metadata.uid, run.signal)
  await releaseProxies(balancer, deps)
  delete status.proxyAddress
  return []
}

/** These nodes are to run none any more. */
function retire(status: NonNullable<LoadBalancer['status']>, gone: readonly string[]): void {
  const kept = (status.proxies ?? []).filter(({ node }) => !gone.includes(node))
  recordLeaving(status, new Set(kept.map(({ node }) => node)))
  if (kept.length > 0) status.proxies = kept
  else delete status.proxies
}

/** @returns whether its nodes or addresses have changed: written down before any node hears of it */
function place(balancer: LoadBalancer, { sharedAddress, proxies }: ProxyAddresses, deps: ProxyDeps): boolean {
  const status = (balancer.status ??= {})
  const textOf = (some: ProxyAddresses['proxies']) => some.map(({ node, ipAddress }) => `${node} ${ipAddress}`).join()
  if (status.proxyAddress === sharedAddress && textOf(status.proxies ?? []) === textOf(proxies)) return false
  const { uid } = balancer.metadata
  const epochs = proxies.map(({ node }) => nextEpoch({ kind: 'balancer', uid, node }, status.proxyEpoch, deps))
  recordLeaving(status, new Set(proxies.map(({ node }) => node)))
  status.proxyAddress = sharedAddress
  status.proxyEpoch = Math.max(status.proxyEpoch ?? 0, ...epochs)
  status.proxies = [...proxies]
  return true
}

function isSilent(node: string, { bus }: Pick<ProxyDeps, 'bus'>): boolean {
  return bus.heartbeats.pulse(node) === 'silent'
}

function reportOf(balancer: LoadBalancer, node: string, deps: ProxyDeps): ObservedDocument | undefined {
  const { bus, writer } = deps
  if (isSilent(node, deps)) return undefined
  const asked = askedOf(balancer, balancer.status?.proxyEpoch, writer())
  return answerOf(bus.observed.find('balancer', balancer.metadata.uid, node), asked)
}

/** By the last word of each node that is heard: it may be about an earlier document, which the proxy serves on while it takes the new one. */
function sayWhoServes({ metadata, status = {} }: LoadBalancer, deps: ProxyDeps): void {
  if (status.proxies === undefined) return
  status.proxies = status.proxies.map(({ node, ipAddress }): Proxy => {
    const said = isSilent(node, deps) ? undefined : deps.bus.observed.find('balancer', metadata.uid, node)
    const serving = said?.facts.serving
    return { node, ipAddress, ...(serving === undefined ? {} : { serving }) }
  })
}
