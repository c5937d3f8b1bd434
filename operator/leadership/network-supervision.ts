// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import { StaleWriterError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { FloatingIP, Network, Port } from '../../lib/api/types.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { controllerOf } from '../controllers/common/sdn-controller.ts'
import { limitsOf } from '../controllers/qos-policy/limits.ts'
import type { PolicyUser } from '../controllers/qos-policy/users.ts'
import { hasDhcp } from '../controllers/subnet/dhcp.ts'
import type { OwnedRow } from '../network/network-driver.ts'
import { LOGICAL_KINDS, type LogicalKind } from '../network/logical-kinds.ts'
import { networkKeyOf } from '../kind/network-key.ts'
import type { Controllers } from './look-again.ts'
import type { Caches, KindName, Kinds } from '../kind/row.ts'

const SETTLE_MS = 2_000
const SWEEP_MS = 10 * 60_000
/** Every so many sweeps everything is compared, to catch changes that were not reported: those made while we wrote. */
const LOOK_EVERY = 3
const RETRY_MS = 2_000

/** The resources that rows of one kind belong to. */
interface Resources {
  kinds: readonly KindName[]
  isKnown(caches: Caches, uid: string): boolean
  /** UIDs of the resources whose status says that their row exists. */
  listRealised(caches: Caches): string[]
}

const RESOURCES: Readonly<Record<LogicalKind, Resources>> = {
  Network: resources('networks', ({ status }) => status?.logicalSwitch !== undefined),
  Subnet: resources(
    'subnets',
    (subnet, { networks }) =>
      isRealised(subnet.status?.state) && hasDhcp(subnet) && !hasController(networks.findByKey(networkKeyOf(subnet))),
  ),
  AddressGroup: resources('addressGroups', ({ status }) => isRealised(status?.state)),
  SecurityGroup: resources('securityGroups', ({ status }) => isRealised(status?.state)),
  Router: resources('routers', ({ status }) => status?.interfaces !== undefined),
  FloatingIP: resources('floatingIPs', ({ status }) => status?.portUID !== undefined),
  PortForwarding: resources('floatingIPs', ({ status }) => leadsByPorts(status)),
  QoS: anyOf(resources('ports', isLimited), resources('routers', isLimited), resources('floatingIPs', isLimited)),
  ServicePort: anyOf(
    resources('loadBalancers', ({ status }) => status?.proxyAddress !== undefined),
    resources('vpnServices', ({ status }) => status?.node !== undefined),
  ),
  VPNService: resources('vpnServices', ({ status }) => status?.node !== undefined),
  LoadBalancer: resources('loadBalancers', ({ status }) => status?.routerUID !== undefined),
  FirewallGroup: resources('firewallGroups', ({ status }) => status?.ports !== undefined),
  Port: resources(
    'ports',
    ({ status }, { networks }) =>
      status?.networkUID !== undefined &&
      status.router === undefined &&
      isPlaced(status) &&
      !hasController(networks.findByUid(status.networkUID)),
  ),
}

/** Then what is on it has no rows: an SDN controller realises it. */
function hasController(network: Network | undefined): boolean {
  return network !== undefined && controllerOf(network) !== undefined
}

interface Supervision {
  signal: AbortSignal
  log: Logger
}

/**
 * Keeps the network backend ours and correct: claims our term, requeues everything after an outage or a foreign change (each ensure
 * writes only what differs), requeues the resources whose rows a sweep finds missing, and removes rows of ours that have no resource,
 * once two sweeps have seen them.
 * @returns a function that stops it
 */
export function superviseNetwork(
  deps: OperatorDeps,
  controllers: Controllers,
  { signal, log }: Supervision,
): () => void {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  let settle: NodeJS.Timeout | undefined
  const look = () => {
    const kinds = new Set(Object.values(RESOURCES).flatMap((resources) => resources.kinds))
    for (const kind of kinds) controllers[kind].enqueueAll()
  }
  const end = deps.network.onDisturbance(() => {
    settle ??= setTimeout(() => {
      settle = undefined
      look()
    }, SETTLE_MS)
  })
  void claim().then(look, () => undefined)
  void sweepForEver()
  return () => {
    end()
    clearTimeout(settle)
    stop.abort()
  }

  async function claim(): Promise<void> {
    let isRefused = false
    for (;;) {
      both.throwIfAborted()
      try {
        const writer = deps.writer()
        // A claim that the backend refused is retried even while held, until a raised incarnation is accepted; any other hold comes first.
        if (isRefused || !deps.regression.isHolding(writer)) {
          await deps.network.claimTerm(writer.incarnation, writer.term, both)
          deps.regression.backendRefused(undefined)
          return
        }
      } catch (error) {
        if (both.aborted) throw error
        isRefused ||= error instanceof StaleWriterError
        if (error instanceof StaleWriterError) deps.regression.backendRefused(error.message)
        log.warn({ err: error, cloud: CLOUD_NAME }, 'network backend cannot be claimed yet')
      }
      await sleep(RETRY_MS, undefined, { signal: both })
    }
  }

  async function sweepForEver(): Promise<void> {
    let suspects = new Set<string>()
    for (let turn = 1; !both.aborted; turn++) {
      try {
        await sleep(SWEEP_MS, undefined, { signal: both })
        if (turn % LOOK_EVERY === 0) look()
        suspects = await sweep(suspects)
      } catch (error) {
        if (!both.aborted) log.warn({ err: error }, 'sweep of the network backend failed')
      }
    }
  }

  /** @returns rows that have no resource now: removed if the next sweep still finds none */
  async function sweep(before: ReadonlySet<string>): Promise<Set<string>> {
    const owned = await deps.network.listOwned(both)
    const missing = listMissing(deps.caches, owned)
    if (missing.length > 0) log.warn({ rows: missing.slice(0, 8), count: missing.length }, 'rows are missing')
    for (const { kind, uid } of missing) for (const of of RESOURCES[kind].kinds) controllers[of].enqueueUid(uid)
    const strays = owned.filter(({ kind, uid }) => !RESOURCES[kind].isKnown(deps.caches, uid))
    const now = new Set(strays.map(idOf))
    if (deps.regression.isHolding(deps.writer())) return now
    const onNodes = deps.bus.desired.list().filter(({ kind, tombstone }) => kind === 'port' && !tombstone)
    const plugged = new Set(onNodes.map(({ uid }) => uid))
    const kept = strays.filter((row) => isPluggedPort(row, plugged))
    if (kept.length > 0)
      log.error({ ports: kept.slice(0, 8) }, 'ports of nodes have no resource: was the store restored?')
    for (const row of chooseRemovals(strays, before, plugged)) {
      log.warn(
        { kind: row.kind, uid: row.uid, namespace: row.namespace, name: row.name },
        'row without a resource removed',
      )
      await deps.network.remove(row.kind, row.uid, both)
    }
    return now
  }
}

/** Resources whose status says that their row exists, but it does not. A needless wake-up writes nothing. Pure. */
export function listMissing(caches: Caches, owned: readonly OwnedRow[]): Pick<OwnedRow, 'kind' | 'uid'>[] {
  const there = new Set(owned.map(idOf))
  const wanted = LOGICAL_KINDS.flatMap((kind) => RESOURCES[kind].listRealised(caches).map((uid) => ({ kind, uid })))
  return wanted.filter((row) => !there.has(idOf(row)))
}

function resources<K extends KindName>(kind: K, isRealised: (object: Kinds[K], caches: Caches) => boolean): Resources {
  return {
    kinds: [kind],
    isKnown: (caches, uid) => caches[kind].findByUid(uid) !== undefined,
    listRealised: (caches) =>
      [...caches[kind].list()].filter((object) => isRealised(object, caches)).map(({ metadata }) => metadata.uid),
  }
}

/** Of any of these kinds. */
function anyOf(...all: readonly Resources[]): Resources {
  return {
    kinds: all.flatMap(({ kinds }) => kinds),
    isKnown: (caches, uid) => all.some((one) => one.isKnown(caches, uid)),
    listRealised: (caches) => all.flatMap((one) => one.listRealised(caches)),
  }
}

/** A policy that only sets bandwidth aside has no rows. */
function isLimited({ status }: PolicyUser, { qosPolicies }: Caches): boolean {
  const policy = status?.qosPolicyUID === undefined ? undefined : qosPolicies.findByUid(status.qosPolicyUID)
  return policy !== undefined && limitsOf(policy) !== undefined
}

function isRealised(state: string | undefined): boolean {
  return state === 'ACTIVE' || state === 'DELETING'
}

function leadsByPorts(status: FloatingIP['status']): boolean {
  return status?.portForwardings?.some(({ portUID }) => portUID !== undefined) ?? false
}

function isPlaced({ node, state }: NonNullable<Port['status']>): boolean {
  return node !== undefined || state === 'DOWN'
}

/**
 * Which rows without a resource to remove, in order: those that two sweeps found. Absence is no command (invariant 4): a port that a
 * node still has stays, and with it every row that it may depend on. Pure.
 */
export function chooseRemovals(
  strays: readonly OwnedRow[],
  before: ReadonlySet<string>,
  pluggedPorts: ReadonlySet<string>,
): OwnedRow[] {
  const isHeld = strays.some((row) => isPluggedPort(row, pluggedPorts))
  return strays
    .filter(
      (row) => before.has(idOf(row)) && (isHeld ? row.kind === 'Port' && !isPluggedPort(row, pluggedPorts) : true),
    )
    .sort((a, b) => LOGICAL_KINDS.indexOf(b.kind) - LOGICAL_KINDS.indexOf(a.kind))
}

function isPluggedPort({ kind, uid }: OwnedRow, pluggedPorts: ReadonlySet<string>): boolean {
  return kind === 'Port' && pluggedPorts.has(uid)
}

function idOf(row: Pick<OwnedRow, 'kind' | 'uid'>): string {
  return `${row.kind}/${row.uid}`
}
