// SPDX-License-Identifier: Apache-2.0
// The bus without NATS, for tests of controllers: the same promises, everything at once. Tests speak for the nodes.
import {
  DesiredDocument,
  type DocumentKind,
  type Inventory,
  type Notification,
  type ObservedDocument,
  type ObservedNic,
} from '../../lib/contract/documents.ts'
import type { PacketLog } from '../../lib/contract/packet-log.ts'
import { parseDocumentKey, toDocumentKey, type DocumentKey } from '../../lib/contract/subjects.ts'
import { StaleWriterError } from '../../lib/errors.ts'
import { createLogger } from '../../lib/log.ts'
import type {
  Conduct,
  Excess,
  Bus,
  BusMemory,
  DesiredEntry,
  DesiredPublisher,
  Notifier,
  Unsubscribe,
  Writer,
} from './bus.ts'
import { HeartbeatMonitor } from './heartbeats.ts'
import { Listeners } from './listeners.ts'
import { nicOf } from './nic-in-document.ts'
import { InventoryCache, ObservedCache } from './observed.ts'
import { VolumesInDocuments, volumesOf } from './volumes-in-documents.ts'

export class MemoryBus implements Bus {
  readonly desired: MemoryDesired
  readonly observed: ObservedCache
  readonly inventory: InventoryCache
  readonly heartbeats: HeartbeatMonitor
  readonly notifier: Notifier
  readonly notifications: Notification[] = []
  /** Nodes cut off, as tests say. */
  readonly excesses = new Map<string, Excess>()
  readonly conduct: Conduct = {
    find: (node) => {
      const excess = this.excesses.get(node)
      return excess && { excess, remainingMs: 60_000 }
    },
    onChange: () => () => undefined,
  }
  /** As old as can be: nothing was lost. */
  memory: BusMemory = { madeAt: new Date(0), followedFrom: new Date(0) }
  readonly ended: string[] = []
  readonly packetLogs = new Listeners<{ node: string; log: PacketLog }>()
  readonly admitted = new Map<string, string | undefined>()

  constructor(writer: Writer = () => ({ incarnation: 1, term: 1 }), now: () => number = () => performance.now()) {
    const log = createLogger('memory-bus', 'silent')
    this.observed = new ObservedCache(log)
    this.inventory = new InventoryCache(log)
    this.heartbeats = new HeartbeatMonitor(undefined, now)
    this.desired = new MemoryDesired(writer, this.observed)
    const ids = new Set<string>()
    this.notifier = {
      publish: async (notification, id) => {
        if (!ids.has(id)) this.notifications.push(notification)
        ids.add(id)
      },
    }
  }

  /** As the node's agent would report. */
  report(document: ObservedDocument): void {
    this.observed.put(document, document)
  }

  publishInventory(inventory: Inventory): void {
    this.inventory.put(inventory)
  }

  onPacketLog(listener: (said: { node: string; log: PacketLog }) => void): Unsubscribe {
    return this.packetLogs.add(listener)
  }

  async endSessions(node: string): Promise<void> {
    this.ended.push(node)
  }

  async admitNode(node: string, storeId?: string): Promise<void> {
    this.admitted.set(node, storeId)
  }

  async dismissNode(node: string): Promise<void> {
    this.admitted.delete(node)
    this.inventory.forget(node)
  }

  async ready(): Promise<void> {
    // Always.
  }

  async close(): Promise<void> {
    // Nothing runs.
  }
}

export class MemoryDesired implements DesiredPublisher {
  /** By key, as agents would receive them. */
  readonly documents = new Map<string, DesiredDocument>()
  readonly #revisions = new Map<string, number>()
  readonly #nics = new Map<string, ObservedNic | undefined>()
  readonly #writer: Writer
  readonly #observed: ObservedCache
  readonly #drift = new Listeners<DocumentKey>()
  readonly #reset = new Listeners<undefined>()
  readonly #volumes = new VolumesInDocuments()
  readonly #volumesChanged = new Listeners<DocumentKey>()
  readonly #failures: Error[] = []
  /** All writes since the start; unchanged documents are none. */
  writes = 0

  constructor(writer: Writer, observed: ObservedCache) {
    this.#writer = writer
    this.#observed = observed
  }

  /** Resolves when NATS would have stored a document; at once unless a test has it wait. */
  delay: (document: DesiredDocument) => Promise<void> | undefined = () => undefined

  /** The next publish or withdraw throws this. */
  failNext(error: Error): void {
    this.#failures.push(error)
  }

  /** As if NATS lost everything. */
  wipe(): void {
    for (const key of this.documents.keys()) this.#volumes.stands(key, undefined, this.writes)
    this.documents.clear()
    this.#nics.clear()
    this.#revisions.clear()
    this.#reset.emit(undefined)
  }

  async publish(document: DesiredDocument): Promise<void> {
    this.#check()
    const writer = this.#writer()
    if (writer?.term !== document.versions.term || writer.incarnation !== document.versions.incarnation) {
      throw new StaleWriterError('the document is not of this leader')
    }
    const parsed = DesiredDocument.parse(document)
    const key = toDocumentKey(document)
    const held = this.documents.get(key)
    if (held && held.versions.term > document.versions.term)
      throw new StaleWriterError('the bus holds a newer leader’s document')
    if (held && withoutTerm(held) === withoutTerm(parsed)) return
    const after = this.#revisions.get(key) ?? 0
    this.#volumes.begin(key, parsed, after)
    const delay = this.delay(parsed)
    if (delay) await delay
    this.writes += 1
    this.documents.set(key, parsed)
    this.#nics.set(key, nicOf(parsed, this.#nics.get(key)))
    this.#revisions.set(key, this.writes)
    if (this.#volumes.stands(key, volumesOf(parsed), this.writes)) this.#volumesChanged.emit(document)
  }

  async withdraw(node: string, kind: DocumentKind, uid: string): Promise<void> {
    this.#check()
    const key = { node, kind, uid }
    this.documents.delete(toDocumentKey(key))
    this.#nics.delete(toDocumentKey(key))
    this.#volumes.stands(toDocumentKey(key), undefined, this.writes + 1)
    this.#observed.forget(key)
  }

  find(node: string, kind: DocumentKind, uid: string): DesiredEntry | undefined {
    const key = toDocumentKey({ node, kind, uid })
    const document = this.documents.get(key)
    if (!document) return undefined
    const nic = this.#nics.get(key)
    return {
      node,
      kind,
      uid,
      versions: document.versions,
      tombstone: document.tombstone,
      revision: this.#revisions.get(key) ?? 0,
      ...(nic ? { nic } : {}),
    }
  }

  async read(node: string, kind: DocumentKind, uid: string): Promise<DesiredDocument | undefined> {
    return this.documents.get(toDocumentKey({ node, kind, uid }))
  }

  list(): readonly DesiredEntry[] {
    return [...this.documents.values()].flatMap((d) => this.find(d.node, d.kind, d.uid) ?? [])
  }

  listWithVolume(uid: string): readonly DocumentKey[] {
    return this.#volumes.list(uid).flatMap((key) => parseDocumentKey(key) ?? [])
  }

  onVolumes(listener: (machine: DocumentKey) => void): Unsubscribe {
    return this.#volumesChanged.add(listener)
  }

  onDrift(listener: (key: DocumentKey) => void): Unsubscribe {
    return this.#drift.add(listener)
  }

  onReset(listener: () => void): Unsubscribe {
    return this.#reset.add(listener)
  }

  #check(): void {
    const failure = this.#failures.shift()
    if (failure) throw failure
    if (!this.#writer()) throw new StaleWriterError('this process does not lead')
  }
}

function withoutTerm(document: DesiredDocument): string {
  return JSON.stringify(
    document.kind === 'node' ? document : { ...document, versions: { ...document.versions, term: 0 } },
  )
}
