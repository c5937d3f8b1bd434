// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { Inventory, ObservedDocument, type DocumentKind } from '../../lib/contract/documents.ts'
import { fromNodeToken, parseDocumentKey, toDocumentKey, type DocumentKey } from '../../lib/contract/subjects.ts'
import { Interner } from '../../lib/informer/intern.ts'
import type { Logger } from '../../lib/log.ts'
import type { BucketEntry, BucketListener } from '../../lib/nats/follow.ts'
import type { InventoryStore, ObservedStore, Unsubscribe } from './bus.ts'
import { Listeners } from './listeners.ts'
import { NodeShares } from './node-shares.ts'
import { ReportsOfObject } from './reports-of-object.ts'
import { MachineIndex, type MachineNic, type ObservedMachine } from './machine-index.ts'
import { VolumeReports } from './volume-reports.ts'

/**
 * What nodes reported, in memory. A report stays when NATS loses it: only a node's own report changes what is known of it, and the
 * node says it again when it comes back.
 */
export class ObservedCache implements ObservedStore, BucketListener {
  readonly #log: Logger
  /** By kind and uid. */
  readonly #byObject = new ReportsOfObject()
  readonly #byNode = new Map<string, Set<string>>()
  readonly #machines = new MachineIndex()
  readonly #volumes = new VolumeReports()
  readonly #listeners = new Listeners<DocumentKey>()
  readonly #shares: NodeShares
  readonly #isAsked: (key: DocumentKey) => boolean
  /** Thousands of reports say the same. */
  readonly #interner = new Interner()

  /** @param isAsked is there a document or a resource that the report answers? Looked at for new keys only. */
  constructor(log: Logger, shares = new NodeShares({ log }), isAsked: (key: DocumentKey) => boolean = () => true) {
    this.#log = log
    this.#shares = shares
    this.#isAsked = isAsked
  }

  find(kind: DocumentKind, uid: string, node?: string): ObservedDocument | undefined {
    if (node !== undefined) return this.#byObject.find(`${kind}.${uid}`, node)
    return this.findAll(kind, uid).toSorted((a, b) => b.versions.epoch - a.versions.epoch)[0]
  }

  findAll(kind: DocumentKind, uid: string): readonly ObservedDocument[] {
    return this.#byObject.list(`${kind}.${uid}`)
  }

  listNode(node: string): readonly ObservedDocument[] {
    const documents: ObservedDocument[] = []
    for (const object of this.#byNode.get(node) ?? []) {
      const report = this.#byObject.find(object, node)
      if (report) documents.push(report)
    }
    return documents
  }

  listNics(macOrAddress: string): readonly MachineNic[] {
    return this.#machines.listNics(macOrAddress).filter((machine) => this.#isStanding(machine))
  }

  listOrphans(uid: string): readonly ObservedMachine[] {
    return this.#machines.listOrphans(uid).filter((machine) => this.#isStanding(machine))
  }

  listWithVolume(uid: string): readonly ObservedDocument[] {
    return this.#volumes.list(uid)
  }

  /** A node lists its orphans once in a while; what it says of the machine itself is newer. */
  #isStanding({ isOrphan, node, uid }: ObservedMachine): boolean {
    return !isOrphan || this.find('instance', uid, node) === undefined
  }

  onChange(listener: (key: DocumentKey) => void): Unsubscribe {
    return this.#listeners.add(listener)
  }

  /** The node's part of the bucket was emptied: it will say again what it was asked. */
  forgetUnasked(node: string): void {
    this.#shares.releaseAll(node)
    for (const { kind, uid } of this.listNode(node)) {
      const key = { node, kind, uid }
      if (!this.#isAsked(key)) this.forget(key)
    }
  }

  /** The report was withdrawn with its document. */
  forget(key: DocumentKey): void {
    this.#shares.release(key.node, toDocumentKey(key))
    const object = `${key.kind}.${key.uid}`
    const old = this.find(key.kind, key.uid, key.node)
    if (!old) return
    this.#byObject.delete(object, key.node)
    this.#machines.replace(old, undefined)
    this.#volumes.replace(old, undefined)
    this.#byNode.get(key.node)?.delete(object)
    this.#listeners.emit(key)
  }

  put(key: DocumentKey, report: ObservedDocument): void {
    const object = `${key.kind}.${key.uid}`
    const old = this.find(key.kind, key.uid, key.node)
    if (isDeepStrictEqual(old, report)) return
    this.#interner.shareParts(report.facts)
    const kept = this.#interner.intern({ ...report, versions: this.#interner.share(report.versions) })
    this.#byObject.set(object, kept)
    this.#machines.replace(old, kept)
    this.#volumes.replace(old, kept)
    let objects = this.#byNode.get(key.node)
    if (!objects) this.#byNode.set(key.node, (objects = new Set()))
    objects.add(object)
    this.#listeners.emit(key)
  }

  restarted(): void {
    // Keeps what it has; see above.
  }

  entry({ key, data }: BucketEntry): void {
    const node = nodeOf(key.split('.', 1)[0] ?? '')
    if (node === undefined) return
    const id = parseDocumentKey(key)
    if (!this.#shares.admit(node, key, data.length, () => id !== undefined && this.#isAsked(id))) return
    const report = id && parse(ObservedDocument, data)
    // A node can write below its own key only, but there it can write anything.
    if (!report || report.node !== id.node || report.kind !== id.kind || report.uid !== id.uid) {
      this.#log.warn({ key: key.slice(0, 200) }, 'observed document does not match its key or schema')
      return
    }
    this.put(id, report)
  }

  caughtUp(): void {
    // Nothing waits for it here; JetStreamBus.ready() does.
  }
}

export class InventoryCache implements InventoryStore, BucketListener {
  readonly #log: Logger
  readonly #inventories = new Map<string, Inventory>()
  readonly #listeners = new Listeners<string>()

  constructor(log: Logger) {
    this.#log = log
  }

  find(node: string): Inventory | undefined {
    return this.#inventories.get(node)
  }

  list(): readonly Inventory[] {
    return [...this.#inventories.values()]
  }

  onChange(listener: (node: string) => void): Unsubscribe {
    return this.#listeners.add(listener)
  }

  /** The node is gone for good. */
  forget(node: string): void {
    if (this.#inventories.delete(node)) this.#listeners.emit(node)
  }

  put(inventory: Inventory): void {
    if (isDeepStrictEqual(this.#inventories.get(inventory.node), inventory)) return
    this.#inventories.set(inventory.node, inventory)
    this.#listeners.emit(inventory.node)
  }

  restarted(): void {
    // Keeps what it has.
  }

  entry({ key, data }: BucketEntry): void {
    const inventory = parse(Inventory, data)
    if (!inventory || inventory.node !== nodeOf(key)) {
      this.#log.warn({ key: key.slice(0, 200) }, 'inventory does not match its key or schema')
      return
    }
    this.put(inventory)
  }

  caughtUp(): void {
    // Nothing waits for it.
  }
}

function nodeOf(key: string): string | undefined {
  try {
    return fromNodeToken(key)
  } catch {
    return undefined
  }
}

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false }
}

function parse<T>(schema: Schema<T>, data: Uint8Array): T | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}
