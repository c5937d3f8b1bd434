// SPDX-License-Identifier: Apache-2.0
// What the operator's controllers see of NATS. JetStreamBus (jetstream-bus.ts) is the real one, MemoryBus (memory-bus.ts) the fake.
import type {
  DesiredDocument,
  DocumentKind,
  Inventory,
  Notification,
  ObservedDocument,
  ObservedNic,
} from '../../lib/contract/documents.ts'
import type { PacketLog } from '../../lib/contract/packet-log.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { MachineNic, ObservedMachine } from './machine-index.ts'

/** Ends a subscription. */
export type Unsubscribe = () => void

/**
 * This process's right to write, asked before each write: the cloud's incarnation and the leader Lease's term. Undefined when it does
 * not lead (judged on a monotonic clock by whoever implements it).
 */
export type Writer = () => Pick<Versions, 'incarnation' | 'term'> | undefined

/** What the bucket holds for one object; the document itself is not kept in memory. */
export interface DesiredEntry extends DocumentKey {
  versions: Versions
  tombstone: boolean
  revision: number
  /** Of a port: the interface that it gives its machine; of its tombstone, the one that it gave, where this process knew it. */
  nic?: ObservedNic
}

export interface DesiredPublisher {
  /**
   * Puts a document under its node's key by compare-and-swap on the revision last seen. No write when the bucket already holds the
   * same, whatever its term; documents of kind `node` are written once a term, so that each node learns of a new leader. Call it only
   * after the custom-resource write that decided the document was acknowledged. May run any number of times.
   * @throws StaleWriterError when this process does not lead, `versions` are not its incarnation and term, or the bucket holds newer
   * @throws TerminalError `DocumentTooLarge` above 256 KiB, `DocumentInvalid` when it does not match the contract's schema
   * @throws TransientError `BusUnavailable`, or `BusConflict` when another writer was faster: the next run sees its write
   */
  publish(document: DesiredDocument): Promise<void>
  /**
   * Removes a document and what was observed of it. Only after its tombstone was acknowledged (observed `gone`, or the node confirmed
   * lost): agents take absence for nothing. An absent one is success.
   * @throws StaleWriterError, TransientError `BusUnavailable`
   */
  withdraw(node: string, kind: DocumentKind, uid: string): Promise<void>
  find(node: string, kind: DocumentKind, uid: string): DesiredEntry | undefined
  /** The document itself, from the bucket; undefined when there is none or it breaks the contract. @throws TransientError `BusUnavailable` */
  read(node: string, kind: DocumentKind, uid: string): Promise<DesiredDocument | undefined>
  /** All that the bucket holds, of this or any earlier leader. */
  list(): readonly DesiredEntry[]
  /** The machines whose documents give them this volume; documents count as soon as they are sent, and until it is certain that they never arrive. */
  listWithVolume(uid: string): readonly DocumentKey[]
  /** Called when another list of volumes lies in a machine's document, or none. */
  onVolumes(listener: (machine: DocumentKey) => void): Unsubscribe
  /**
   * Called for each object whose document in the bucket was changed or lost behind our back (NATS lost writes, a stale leader, an
   * older document that a node refuses): reconcile it, and publish() puts it right.
   */
  onDrift(listener: (key: DocumentKey) => void): Unsubscribe
  /** Called when the bucket was lost or could not be followed for a while: publish everything anew. Costs no write where all stands. */
  onReset(listener: () => void): Unsubscribe
}

export interface ObservedStore {
  /**
   * The latest report of `node` on an object. Undefined also when NATS was emptied and the node has not reported since: then keep what the
   * status says. Once heard it stays, whatever NATS loses, until withdraw(). Give the node that owns it: a node can claim anything under its own key. Without `node`, the
   * one with the highest epoch among all nodes' reports: for showing, never for deciding.
   */
  find(kind: DocumentKind, uid: string, node?: string): ObservedDocument | undefined
  /** All nodes that say anything of the object: more than one while ownership moves, or when something is wrong. */
  findAll(kind: DocumentKind, uid: string): readonly ObservedDocument[]
  listNode(node: string): readonly ObservedDocument[]
  /** The interfaces with this MAC or address of all machines that any node has, on whatever network; orphans included. By an index. */
  listNics(macOrAddress: string): readonly MachineNic[]
  /** Reports on machines that name this volume among their disks, however old; never those of a machine that is gone. By an index. */
  listWithVolume(uid: string): readonly ObservedDocument[]
  /** Machines with this UID that nodes have without a document. */
  listOrphans(uid: string): readonly ObservedMachine[]
  /** Called after each change, also when the report was withdrawn; enqueue the resource, then read with find(). */
  onChange(listener: (key: DocumentKey) => void): Unsubscribe
}

export interface InventoryStore {
  /** Undefined until the node has published one since NATS was last empty: keep what ComputeNode.status says. */
  find(node: string): Inventory | undefined
  list(): readonly Inventory[]
  onChange(listener: (node: string) => void): Unsubscribe
}

/** `up` beats; `silent` missed too many; `unknown` was never heard by this process and its time is not over yet. */
export type NodePulse = 'up' | 'silent' | 'unknown'

export interface BusHealth {
  healthy: boolean
  /** Nodes that fell silent, and all that are expected. */
  silent: number
  expected: number
  /** Of the silent ones: neither this leader nor one before heard them, so that their silence says nothing of the bus. */
  neverHeard: number
  /** For the condition BusHealthy: `Disconnected`, `ManyNodesSilent`, `Healthy`. */
  reason: 'Healthy' | 'Disconnected' | 'ManyNodesSilent'
  message: string
}

export interface HeartbeatSettings {
  intervalMs: number
  /** So many missed beats make a node silent. */
  missesBeforeDown: number
}

export interface Heartbeats {
  /**
   * More nodes that should beat, as every ComputeNode that is not confirmed lost; those that are expected already stay as they are.
   * @param before what an earlier leader knew of them: those that were `silent` already do not count as fallen silent together, and
   * neither do those that nobody has heard yet, which are not in it
   */
  expect(nodes: Iterable<string>, before?: ReadonlyMap<string, 'up' | 'silent'>): void
  /** A node that need not beat any more, or never had to. */
  forget(node: string): void
  /** Other settings count from now on; the same again change nothing. */
  configure(settings: HeartbeatSettings): void
  /**
   * While the bus is at fault this is what it was before: nobody changes state, nothing is evacuated.
   */
  pulse(node: string): NodePulse
  /** Since the last beat that this process heard; undefined when it heard none. */
  ageMs(node: string): number | undefined
  /** The boot id of the last beat. */
  bootId(node: string): string | undefined
  health(): BusHealth
  /** Called with the nodes whose pulse changed, and with none when only the health of the bus did. */
  onChange(listener: (nodes: readonly string[]) => void): Unsubscribe
}

/** Beyond which part of its share a node went (node-shares.ts). */
export type Excess = 'Documents' | 'Bytes' | 'Unasked' | 'Words' | 'Beats'

/** Nodes that write more than their share of the bus. */
export interface Conduct {
  /** Undefined also when it is long enough ago: then the node may come back. */
  find(node: string): { excess: Excess; remainingMs: number } | undefined
  /** Called when a node is found to do so. */
  onChange(listener: (node: string) => void): Unsubscribe
}

export interface Notifier {
  /**
   * Puts a notification on `events._cloud.<project>.<kind>`. Under the same `id` it is stored once within two minutes, though whoever
   * listens at that moment may hear it twice: build it from the object's uid, the transition and the generation. A lost one changes nothing: subscribers are told, not relied upon.
   */
  publish(notification: Notification, id: string): Promise<void>
}

/** How far back the bus remembers. */
export interface BusMemory {
  /** When the bucket of `desired` was made: it was new then, or had lost all. Undefined: not known yet. */
  readonly madeAt: Date | undefined
  /** Since when this process follows it. */
  readonly followedFrom: Date
}

export interface Bus {
  readonly memory: BusMemory
  readonly desired: DesiredPublisher
  readonly observed: ObservedStore
  readonly inventory: InventoryStore
  readonly heartbeats: Heartbeats
  readonly notifier: Notifier
  readonly conduct: Conduct
  /** Called with what a node says of logged packets: a claim of that node, bounded in size and number, and lost when nobody listens. */
  onPacketLog(listener: (said: { node: string; log: PacketLog }) => void): Unsubscribe
  /**
   * Ends what the node has open: who may not come in again must not stay either. May run any number of times.
   * @throws TransientError `BusUnavailable`
   */
  endSessions(node: string): Promise<void>
  /**
   * Makes the node's consumer, so that its agent can receive; again with a new `storeId` (of its inventory) when the agent lost its
   * disk. Call it for each ComputeNode and whenever its inventory changes; costs one request at the most.
   * @throws TransientError `BusUnavailable`
   */
  admitNode(node: string, storeId?: string): Promise<void>
  /** Removes the consumer and the inventory of a node that is gone for good. */
  dismissNode(node: string): Promise<void>
  /** Resolves when the stores hold what NATS had at this moment; before, find() answers undefined for what exists. */
  ready(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
