// SPDX-License-Identifier: Apache-2.0
import { CLOUD, CLOUD_NAME, GROUP, VERSION } from '../../lib/api/kinds.ts'
import type { Cloud } from '../../lib/api/types.ts'
import { StaleWriterError } from '../../lib/errors.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { isAlreadyExists } from '../../lib/kube/errors.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Logger } from '../../lib/log.ts'
import { ControlLoop } from '../../lib/loop/control-loop.ts'
import type { EventRecorder } from '../../lib/loop/events.ts'
import { fencedClient, heldFence, type Fence } from '../../lib/leader/fence.ts'
import type { Informers } from '../../lib/informer/informers.ts'
import { systemClock } from '../../lib/time/clock.ts'
import { eachInItsTurn, nextTurn } from '../../lib/time/next-turn.ts'
import type { LoopMetrics } from '../../lib/loop/metrics.ts'
import type { Authority } from '../../lib/pki/authority.ts'
import type { Bus, HeartbeatSettings, Writer } from '../bus/bus.ts'
import { NodeCertificates } from '../bus/certificates.ts'
import { NbdCertificates } from '../bus/nbd-certificates.ts'
import { requireWriter } from '../bus/require-writer.ts'
import { followCaches } from './follow-caches.ts'
import { defineControllers } from '../controllers/all.ts'
import { heartbeatOf } from '../controllers/cloud/reconcile.ts'
import type { NodeSettings } from '../controllers/compute-node/settings.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { RegressionGuard } from '../restore-guard/regression-guard.ts'
import { ClaimedNodes } from '../controllers/common/claimed-nodes.ts'
import { ReleaseDesk } from '../placed/release-desk.ts'
import { TombstoneCollector } from '../placed/tombstone-collector.ts'
import { WaitingRoom } from '../controllers/common/waiting-room.ts'
import type { Notice } from '../controllers/common/notice.ts'
import { measureBuilds } from '../controllers/instance/measure-builds.ts'
import { noticesOf } from '../controllers/instance/notifications.ts'
import { instanceKeyOf } from '../controllers/instance-action/kind.ts'
import { noticesOfAction } from '../controllers/instance-action/notifications.ts'
import { tellPackets } from '../controllers/security-group/tell-packets.ts'
import { DrainHolds } from '../drain-holds/drain-holds.ts'
import type { HoldSettings } from '../drain-holds/hold-objects.ts'
import { AdminPasswords } from '../secrets/admin-passwords.ts'
import { UserDataStore } from '../controllers/instance/user-data.ts'
import { SegmentPromises } from '../controllers/network/segment-promises.ts'
import { VolumePromises } from '../controllers/volume/promises.ts'
import { CertificateStore } from '../tls/certificate-store.ts'
import { VPNKeyStore } from '../vpn/key-store.ts'
import type { OperatorInformers } from '../kind/row.ts'
import { cachesOf } from '../kind/informers.ts'
import { AddressBook } from '../ipam/address-book.ts'
import { KubeClaimStore } from '../ipam/claim-object.ts'
import { RangeBook } from '../ipam/range-book.ts'
import { withExternalNetworks } from '../network/external/external-networks.ts'
import { heldNetwork } from '../restore-guard/hold.ts'
import { measureNetwork } from '../network/measure-network.ts'
import { superviseNetwork } from './network-supervision.ts'
import type { NetworkDriver } from '../network/network-driver.ts'
import { SubnetArrivals } from '../ipam/subnet-arrivals.ts'
import { QuotaBook } from '../quota/quota-book.ts'
import { Scheduler } from '../scheduler/scheduler.ts'
import type { StoreHistory } from '../restore-guard/store-history.ts'
import type { CertificateWatch } from '../bus/certificate-watch.ts'
import { checkEvery, readLifetimes, type CertificateLifetimes } from '../bus/certificate-lifetimes.ts'
import { lookAgain, type Controllers } from './look-again.ts'
import { watchRegression } from './watch-regression.ts'

export interface LeadershipOptions {
  /** Not fenced yet: that is done here. */
  client: KubeClient
  /** Of the operator's ServiceAccount. */
  namespace: string
  informers: Informers
  watched: OperatorInformers
  events: Pick<EventRecorder, 'record'>
  metrics: LoopMetrics
  log: Logger
  /** What the informers saw of the store, for the whole process. */
  history: StoreHistory
  /** Where consoles are opened; absent: nowhere. */
  consoleURL?: string | undefined
  /** What holds `kubectl drain`; absent: nothing does. */
  drainHolds?: HoldSettings | undefined
  settings: Omit<NodeSettings, 'certificates' | 'nbdCertificates' | 'certificateCheckMs'>
  /** Certificates of the control plane itself; absent: nobody looks at them. */
  certificateWatch?: CertificateWatch
  /** Signs the nodes' certificates. */
  authority?: SigningAuthority
  /** Signs the certificates that volumes are opened and served with. */
  nbdAuthority?: SigningAuthority
  /** Default: as `readLifetimes` says without variables. */
  lifetimes?: CertificateLifetimes
  /** Bus and network are made anew for each leadership: what they know of other leaders' writes must be fresh. */
  makeBus(writer: Writer, heartbeat: HeartbeatSettings): Bus
  makeNetwork(signal: AbortSignal): NetworkDriver & { close?(): Promise<void> }
}

interface SigningAuthority {
  authority: Authority
  authorityPem: string
}

/** Runs one leadership, from winning the Lease until the fence's signal aborts. */
export async function lead(fence: Fence, options: LeadershipOptions): Promise<void> {
  const { informers, watched, history, log } = options
  if (!(await unlessAborted(informers.whenCertain(fence.signal), fence.signal))) return
  await ensureCloud(watched, informers.observing(fencedClient(options.client, fence)))
  const caches = cachesOf(watched)
  const incarnation = () => caches.clouds.find(undefined, CLOUD_NAME)?.spec.incarnation ?? 1
  const writer: Writer = () =>
    fence.signal.aborted || fence.remainingMs() <= 0 ? undefined : { incarnation: incarnation(), term: fence.term }
  // Nothing is written until the guard has looked, which it does as soon as the bus has been read.
  let regression: RegressionGuard | undefined
  const isHeld = () => regression?.isHolding({ incarnation: incarnation(), term: fence.term }) ?? true
  const bus = options.makeBus(
    () => (isHeld() ? undefined : writer()),
    heartbeatOf(caches.clouds.find(undefined, CLOUD_NAME)),
  )
  const network = options.makeNetwork(fence.signal)
  try {
    if (!(await unlessAborted(bus.ready(fence.signal), fence.signal))) return
    regression = new RegressionGuard({ bus, caches, history })
    const held = heldFence(fence, isHeld)
    const writing = informers.observing(fencedClient(options.client, held))
    const deps: OperatorDeps = {
      caches,
      bus,
      network: heldNetwork(withExternalNetworks(network), isHeld),
      scheduler: new Scheduler(),
      quotas: new QuotaBook(),
      addresses: new AddressBook(new KubeClaimStore(writing)),
      ranges: new RangeBook(writing),
      subnetArrivals: new SubnetArrivals(() => performance.now()),
      claimedNodes: new ClaimedNodes(),
      volumePromises: new VolumePromises(),
      segmentPromises: new SegmentPromises(),
      waitingRoom: new WaitingRoom(),
      claimedVolumes: new Set(),
      releases: new ReleaseDesk(),
      regression,
      userData: new UserDataStore(options.namespace),
      vpnKeys: new VPNKeyStore(options.namespace),
      adminPasswords: new AdminPasswords(options.namespace),
      certificates: new CertificateStore(options.namespace),
      consoleURL: options.consoleURL,
      certificateWatch: options.certificateWatch,
      deletions: new Set(),
      writer: () => requireWriter(writer),
    }
    await run(deps, { fence, isHeld, writer }, options)
  } finally {
    await network.close?.().catch((error: unknown) => log.warn({ err: error }, 'closing the network backend failed'))
    await bus.close()
  }
}

function holdDrains({ caches }: OperatorDeps, options: LeadershipOptions, fence: Fence): () => void {
  const { drainHolds: settings, client, watched: informers, log } = options
  if (!settings) return () => undefined
  const { signal } = fence
  const parts = { client: fencedClient(client, fence), settings, caches, informers, signal, clock: systemClock, log }
  return new DrainHolds(parts).start()
}

interface Office {
  fence: Fence
  isHeld: () => boolean
  writer: Writer
}

async function run(deps: OperatorDeps, office: Office, options: LeadershipOptions): Promise<void> {
  const { client, informers, watched, events, metrics, authority, log } = options
  const { fence, isHeld, writer } = office
  const { nbdAuthority, lifetimes = readLifetimes({}) } = options
  const { desired } = deps.bus
  const settings: NodeSettings = {
    ...options.settings,
    ...(authority ? { certificates: new NodeCertificates({ ...authority, desired, days: lifetimes.nodeDays }) } : {}),
    ...(nbdAuthority
      ? { nbdCertificates: new NbdCertificates({ ...nbdAuthority, desired, serverDays: lifetimes.nbdServerDays }) }
      : {}),
    certificateCheckMs: checkEvery(lifetimes),
  }
  const definitions = defineControllers(deps, watched, settings)
  const loops = new Map(
    definitions.map(([name, definition]) => {
      const parts = { client, informers, fence, isHeld, events, log, metrics }
      return [name, new ControlLoop<KubeObject>(definition, parts)]
    }),
  )
  const controllers = Object.fromEntries(loops) as unknown as Controllers
  const collector = new TombstoneCollector(deps, log)
  const { signal } = fence
  const beginnings: (() => () => void)[] = [
    () => followCaches(deps, watched, collector),
    () => watchRegression(deps, controllers, { watched, collector, writer }),
    () => notify(deps, watched, { isHeld, log }),
    () => tellPackets({ ...deps, events, isHeld, log }),
    () =>
      followCloud(deps, controllers, {
        client: informers.observing(fencedClient(client, fence)),
        ...{ signal, watched, collector, writer, log },
      }),
    () => superviseNetwork(deps, controllers, { signal, log }),
    () => measureNetwork(deps.network, metrics),
    () => holdDrains(deps, options, fence),
    () => options.certificateWatch?.follow(signal) ?? (() => undefined),
    () => watched.instances.onChange(measureBuilds(metrics)),
    () => watched.clouds.onChange(({ object }) => metrics.regressed.set(isRegressed(object) ? 1 : 0)),
  ]
  const ends: (() => void)[] = []
  const running: Promise<void>[] = []
  try {
    await eachInItsTurn(beginnings, signal, (end) => ends.push(end))
    collector.considerAll()
    await nextTurn()
    log.info({ term: fence.term, controllers: loops.size }, 'leading')
    const runs = [...loops.values()].map((loop) => () => loop.run())
    await eachInItsTurn(runs, signal, (run) => running.push(heard(run)))
    await Promise.all(running)
  } finally {
    for (const end of ends) end()
  }
}

/** Its failure is seen when all are waited for, and is nobody's fault until then. */
function heard(run: Promise<void>): Promise<void> {
  run.catch(() => undefined)
  return run
}

interface CloudFollower {
  /** Fenced but not held: the Cloud must be able to say why everything else is held. */
  client: KubeClient
  signal: AbortSignal
  watched: OperatorInformers
  collector: TombstoneCollector
  writer: Writer
  log: Logger
}

/**
 * On a new incarnation, publishes everything again. There is always a Cloud: a deleted one is recreated in the incarnation that
 * it had, with its defaultQuota.
 */
function followCloud(deps: OperatorDeps, controllers: Controllers, follower: CloudFollower): () => void {
  const { client, signal, watched, collector, writer, log } = follower
  const incarnationOf = (cloud: Cloud | undefined) => cloud?.spec.incarnation ?? 1
  let last = incarnationOf(watched.clouds.cache.find(undefined, CLOUD_NAME))
  return watched.clouds.onChange(({ old, object }) => {
    if ((object ?? old)?.metadata.name !== CLOUD_NAME) return
    if (!object) {
      const { defaultQuota } = old?.spec ?? {}
      ensureCloud(watched, client, { incarnation: last, ...(defaultQuota ? { defaultQuota } : {}) }).catch(
        (error: unknown) => log.warn({ err: error }, 'Cloud not made again'),
      )
      return
    }
    const now = writer()
    if (!now || incarnationOf(object) === last) return
    last = incarnationOf(object)
    deps.regression.backendRefused(undefined)
    deps.regression.lookAtAll(now)
    deps.network.claimTerm(now.incarnation, now.term, signal).catch((error: unknown) => {
      if (error instanceof StaleWriterError && !signal.aborted) deps.regression.backendRefused(error.message)
      log.warn({ err: error }, 'network backend not claimed for the new incarnation')
    })
    lookAgain(controllers, collector)
  })
}

function isRegressed(cloud: Cloud | undefined): boolean {
  return (cloud?.status?.regressedIncarnation ?? 0) >= (cloud?.spec.incarnation ?? 1)
}

/** Subscribers hear only of states that the store has acknowledged, as the cache shows them; of none while the operator is held. */
function notify(
  deps: Pick<OperatorDeps, 'bus'>,
  watched: OperatorInformers,
  { isHeld, log }: { isHeld: () => boolean; log: Logger },
): () => void {
  const publish = (notices: readonly Notice[]): void => {
    for (const { notification, id } of notices) {
      deps.bus.notifier.publish(notification, id).catch((error: unknown) => {
        log.debug({ err: error, eventType: notification.eventType, name: notification.name }, 'notification not sent')
      })
    }
  }
  const ends = [
    watched.instances.onChange(({ old, object }) => {
      if (!isHeld()) publish(noticesOf(old, object, new Date()))
    }),
    watched.instanceActions.onChange(({ old, object }) => {
      if (isHeld()) return
      const machine = object && watched.instances.cache.findByKey(instanceKeyOf(object))
      publish(noticesOfAction(old, object, machine, new Date()))
    }),
  ]
  return () => {
    for (const end of ends) end()
  }
}

/** What a Cloud that is deleted and made anew still says: nobody is let in by its absence. */
type Kept = Pick<Cloud['spec'], 'incarnation' | 'defaultQuota'>

/** Creates the singleton unless it exists: a user's own takes precedence. */
async function ensureCloud(watched: OperatorInformers, client: KubeClient, kept: Kept = {}): Promise<void> {
  if (watched.clouds.cache.find(undefined, CLOUD_NAME)) return
  try {
    await client.create<Cloud>(CLOUD, {
      apiVersion: `${GROUP}/${VERSION}`,
      kind: CLOUD.kind,
      metadata: { name: CLOUD_NAME },
      spec: kept,
    })
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

/** @returns whether it became ready before this leadership ended */
async function unlessAborted(ready: Promise<void>, signal: AbortSignal): Promise<boolean> {
  try {
    await ready
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return !signal.aborted
}
