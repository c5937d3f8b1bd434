// SPDX-License-Identifier: Apache-2.0
// The world of a reconciler in memory, for unit tests: real caches, with in-memory versions of the bus and the network backend.
import type { KubeClient } from '../../lib/kube/client.ts'
import type { IPClaim } from '../../lib/api/types.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import { keyOfRef, type KubeObject, type ResourceKind } from '../../lib/kube/object.ts'
import { createLogger } from '../../lib/log.ts'
import type { Run } from '../../lib/loop/controller.ts'
import { CONTRACT_VERSION, type DocumentKind, type ObservedDocument } from '../../lib/contract/documents.ts'
import { MemoryBus } from '../bus/memory-bus.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { findUse } from '../kind/with-quota.ts'
import { indexesOf } from '../kind/references.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { RegressionGuard } from '../restore-guard/regression-guard.ts'
import { ClaimedNodes } from '../controllers/common/claimed-nodes.ts'
import { ReleaseDesk } from '../placed/release-desk.ts'
import { WaitingRoom } from '../controllers/common/waiting-room.ts'
import { UserDataStore } from '../controllers/instance/user-data.ts'
import { SegmentPromises } from '../controllers/network/segment-promises.ts'
import { VolumePromises } from '../controllers/volume/promises.ts'
import { AdminPasswords } from '../secrets/admin-passwords.ts'
import { CertificateStore } from '../tls/certificate-store.ts'
import { VPNKeyStore } from '../vpn/key-store.ts'
import { AddressBook } from '../ipam/address-book.ts'
import { KubeClaimStore, toStoredBlock } from '../ipam/claim-object.ts'
import { RangeBook } from '../ipam/range-book.ts'
import type { NetworkDriver } from '../network/network-driver.ts'
import { SubnetArrivals } from '../ipam/subnet-arrivals.ts'
import { QuotaBook } from '../quota/quota-book.ts'
import { Scheduler } from '../scheduler/scheduler.ts'
import { withExternalNetworks } from '../network/external/external-networks.ts'
import { MemoryNetwork } from './memory-network.ts'
import { WatchedStore } from './watched-store.ts'
import type { Caches, KindRow } from '../kind/row.ts'

type Stores = { [K in keyof Caches]: WatchedStore }

export interface MemoryWorld {
  deps: OperatorDeps
  bus: MemoryBus
  network: MemoryNetwork
  /** The stores behind the caches, by cache name. */
  stores: Stores
  run: Run
  events: string[]
  /** Monotonic clock of the bus and the restore guard. */
  clock: { ms: number }
  /** Stores the object as if the apiserver had. */
  put<T extends KubeObject>(cache: keyof Caches, object: T): T
  drop(cache: keyof Caches, object: KubeObject): void
  /** Delivers a report as if the node had written it. */
  report(
    kind: DocumentKind,
    object: KubeObject,
    said: Partial<ObservedDocument> & { node: string; state: string; epoch: number },
  ): void
}

let version = 1

/** @param backend in place of the one in memory; `world.network` is then not to be used */
export function memoryWorld(backend?: NetworkDriver): MemoryWorld {
  const clock = { ms: 0 }
  const writer = () => ({ incarnation: 1, term: 1 })
  const bus = new MemoryBus(writer, () => clock.ms)
  const network = new MemoryNetwork()
  const { incarnation, term } = writer()
  void network.claimTerm(incarnation, term)
  const stores = Object.fromEntries(
    KIND_NAMES.map((name) => [name, new WatchedStore(indexesOf(KINDS[name] as KindRow<KubeObject>))]),
  ) as Stores
  const client = memoryClient(stores)
  const events: string[] = []
  const deps: OperatorDeps = {
    caches: stores as unknown as Caches,
    bus,
    network: withExternalNetworks(backend ?? network),
    scheduler: new Scheduler(),
    quotas: new QuotaBook(),
    addresses: new AddressBook(new KubeClaimStore(client)),
    ranges: new RangeBook(client),
    subnetArrivals: new SubnetArrivals(() => clock.ms),
    // status.free settles after half a minute; unit tests do not wait for it.
    claimedNodes: new ClaimedNodes({ nowMs: () => 0, after: () => () => undefined }),
    volumePromises: new VolumePromises(),
    segmentPromises: new SegmentPromises(),
    waitingRoom: new WaitingRoom(),
    claimedVolumes: new Set(),
    releases: new ReleaseDesk(),
    regression: new RegressionGuard({ bus, caches: stores as unknown as Caches, now: () => clock.ms }),
    userData: new UserDataStore('nephele-system'),
    vpnKeys: new VPNKeyStore('nephele-system'),
    adminPasswords: new AdminPasswords('nephele-system'),
    consoleURL: 'https://console.example.com',
    certificates: new CertificateStore('nephele-system', () => clock.ms),
    deletions: new Set(),
    writer,
  }
  const run: Run = {
    key: 'ns/it',
    client,
    log: createLogger('test', 'silent'),
    signal: new AbortController().signal,
    failures: 0,
    now: new Date('2026-01-01T00:00:00Z'),
    term: 1,
    event: ({ reason }) => void events.push(reason),
  }
  return {
    deps,
    bus,
    network,
    stores,
    run,
    events,
    clock,
    put(cache, object) {
      object.metadata.resourceVersion = String(++version)
      stores[cache].put(lookedAt(cache, structuredClone(object)), true)
      if (cache === 'ipClaims') deps.addresses.observe(toStoredBlock(object as unknown as IPClaim))
      return object
    },
    drop(cache, object) {
      stores[cache].remove(keyOfRef(object.metadata), object.metadata.uid)
    },
    report(kind, object, { node, state, epoch, ...rest }) {
      bus.report({
        v: CONTRACT_VERSION,
        kind,
        uid: object.metadata.uid,
        name: object.metadata.name,
        ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
        node,
        state,
        facts: {},
        bootId: 'boot-0001',
        since: '2026-01-01T00:00:00Z',
        versions: { incarnation: 1, term: 1, epoch, generation: object.metadata.generation ?? 1 },
        ...rest,
      })
    },
  }
}

/** Data of which tests say nothing else was let in by its Quota. */
function lookedAt(cache: keyof Caches, object: KubeObject): KubeObject {
  if (findUse(cache)?.isData)
    object.status = { observedGeneration: object.metadata.generation, ...(object.status ?? {}) }
  return object
}

/** An object as the apiserver would have it. */
export function stored<T extends KubeObject>(
  name: string,
  spec: T extends { spec: infer S } ? S : unknown,
  more: {
    namespace?: string
    status?: T['status']
    uid?: string
    generation?: number
    deleted?: boolean
    labels?: Record<string, string>
  } = {},
): T {
  const { namespace = 'ns', status, uid = `uid-${name}`, generation = 1, deleted = false, labels } = more
  return {
    metadata: {
      name,
      ...(namespace === '' ? {} : { namespace }),
      uid,
      generation,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(labels ? { labels } : {}),
      ...(deleted ? { deletionTimestamp: '2026-01-02T00:00:00Z', finalizers: ['nephele.dev/release'] } : {}),
    },
    spec,
    ...(status === undefined ? {} : { status }),
  } as unknown as T
}

/** Creates, changes and removes in the stores; what unit tests do not use throws. */
function memoryClient(stores: Stores): KubeClient {
  const storeOf = (kind: ResourceKind) => {
    const name = (Object.keys(stores) as (keyof Stores)[]).find((k) => k.toLowerCase() === kind.plural)
    return name && stores[name]
  }
  const absent = (): never => {
    throw new Error('not in the memory client')
  }
  const replace = (kind: ResourceKind, { metadata }: KubeObject, object: Partial<KubeObject>) => {
    const { namespace, name, resourceVersion } = metadata
    if (storeOf(kind)?.find(namespace, name)?.metadata.resourceVersion !== resourceVersion)
      throw new ApiError('update', 409, { reason: 'Conflict' })
    const changed = structuredClone({ ...object, metadata: { ...metadata, resourceVersion: String(++version) } })
    storeOf(kind)?.put(changed)
    return changed
  }
  return {
    find: async (kind: ResourceKind, ref: { namespace?: string; name: string }) =>
      storeOf(kind)?.find(ref.namespace, ref.name),
    create: async (kind: ResourceKind, object: KubeObject) => {
      const { namespace, name } = object.metadata
      if (storeOf(kind)?.find(namespace, name)) throw new ApiError('create', 409, { reason: 'AlreadyExists' })
      const uid = `uid-${name}`
      const made = structuredClone({
        ...object,
        metadata: { ...object.metadata, uid, generation: 1, resourceVersion: String(++version) },
      })
      storeOf(kind)?.put(made)
      return made
    },
    remove: async (kind: ResourceKind, ref: { namespace?: string; name: string }) => {
      const store = storeOf(kind)
      const object = store?.find(ref.namespace, ref.name)
      if (object) store?.remove(keyOfRef(ref), object.metadata.uid)
    },
    update: async (kind: ResourceKind, object: KubeObject) => replace(kind, object, object),
    updateStatus: async (kind: ResourceKind, object: KubeObject) => {
      const stored = storeOf(kind)?.find(object.metadata.namespace, object.metadata.name)
      return replace(kind, object, { ...stored, status: object.status })
    },
    get: absent,
    listPage: absent,
    list: absent,
    watch: absent,
    review: absent,
    mergePatch: absent,
    patchFinalizers: absent,
    apply: absent,
  } as unknown as KubeClient
}
