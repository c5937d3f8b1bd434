// SPDX-License-Identifier: Apache-2.0
import {
  NOWHERE,
  type ImageCopyDocument,
  type Inventory,
  type NodeSpec,
  type Orphan,
  type Tombstone,
} from '../../../lib/contract/documents.ts'
import { isTerminal, TerminalError, TransientError } from '../../../lib/errors.ts'
import { within } from '../../../lib/within.ts'
import { download } from '../../image/download.ts'
import { inspectInWorker } from '../../image/inspection.ts'
import { dropPartial } from '../../image/partial-file.ts'
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../../image/source.ts'
import { SharedWork, type WorkProgress } from '../../image/shared-work.ts'
import type { KindReconciler, NodeState, Observation, OwnedPlace, RunContext, Wake } from '../../runtime/reconciler.ts'
import type { ImageServer } from '../../transfer/image-server.ts'
import { readPeerCredentials, type PeerFiles } from '../../transfer/peer-files.ts'
import type { VolumeFile } from '../drivers/file/pool-folder.ts'
import type { VolumeRecords } from '../exports/volume-records.ts'
import type { StoreFolder } from './store-folder.ts'
import { KEEP_FREE_BYTES, storeFull, StoreRoom } from './store-room.ts'

type Store = NonNullable<NodeSpec['imageStores']>[number]

export interface ImageCopyReconcilerOptions {
  /** Called once for each path. */
  openFolder(path: string): StoreFolder
  records: VolumeRecords
  /** The key by which it reads from other nodes. */
  peer: PeerFiles
  server: Pick<ImageServer, 'offer' | 'withdraw'>
  limits?: Partial<SourceLimits>
}

const GIB = 2 ** 30
/** At a time, of which one namespace leaves places to others. */
const PARALLEL_DOWNLOADS = 4
/** A renewed certificate, or a file that somebody took away, sends no event. */
const RECHECK_MS = 60_000

/** Keeps files of Images in this node's folders of ImageStores, and hands them to nodes that may read them. */
export class ImageCopyReconciler implements KindReconciler<'imagecopy'> {
  readonly kind = 'imagecopy'
  readonly #options: ImageCopyReconcilerOptions
  readonly #folders = new Map<string, StoreFolder>()
  readonly #room = new StoreRoom()
  readonly #downloads = new SharedWork<VolumeFile>(PARALLEL_DOWNLOADS)
  /** By the UID of the Image; they settle once nothing is written any more. */
  readonly #fetching = new Map<string, Promise<unknown>>()
  /** While the node has no store: a removal that is repeated has no record any more. */
  readonly #removed = new Set<string>()
  #wake: Wake | undefined

  constructor(options: ImageCopyReconcilerOptions) {
    this.#options = options
  }

  async start(wake: Wake): Promise<void> {
    this.#wake = wake
  }

  /** The node's stores or its certificate changed. */
  wakeAll(): void {
    this.#wake?.all()
  }

  async reconcile(document: ImageCopyDocument, context: RunContext): Promise<Observation<'imagecopy'>> {
    const { uid, spec } = document
    const store = storesOf(context.state).find(({ name }) => name === spec.store)
    if (!store)
      throw new TransientError(
        'StoreNotOnNode',
        `ImageStore ${spec.store} is not configured on node ${context.node} (yet)`,
      )
    if (store.driver !== 'file')
      throw new TerminalError(
        'DriverUnknown',
        `ImageStore ${store.name} wants driver ${store.driver}; this agent has: file`,
      )
    const folder = this.#folder(store.path)
    const file = (await folder.find(uid)) ?? (await this.#join(document, folder, context))
    await this.#options.server.offer('store', uid, {
      ...{ path: file.path, sha256: spec.sha256, readers: spec.readers, calls: folder.calls },
    })
    const facts = { sha256: spec.sha256, sizeBytes: spec.sizeBytes, virtualSizeBytes: file.sizeBytes }
    return { state: 'ready', facts, retryAfterMs: RECHECK_MS }
  }

  /** Not in the slot of its run: what is there is offered, and removed, whatever is under way. */
  #join(document: ImageCopyDocument, folder: StoreFolder, context: RunContext): Promise<VolumeFile> {
    const { uid, namespace = '', spec } = document
    const { from } = spec
    if (!from || from.node === NOWHERE) throw missing()
    context.leaveSlot()
    const report = (progress: number) => context.report({ state: 'fetching', progress })
    report(0)
    const who = { owner: namespace, signal: context.signal, onProgress: report }
    return this.#downloads.join(uid, who, (progress) => {
      const fetched = this.#fetch(document, from, folder, { ...progress, log: context.log })
      const ended = fetched.finally(() => this.#fetching.delete(uid))
      this.#fetching.set(
        uid,
        ended.catch(() => undefined),
      )
      return ended
    })
  }

  async #fetch(
    { uid, spec }: ImageCopyDocument,
    from: NonNullable<ImageCopyDocument['spec']['from']>,
    folder: StoreFolder,
    { signal, onProgress, log }: WorkProgress & Pick<RunContext, 'log'>,
  ): Promise<VolumeFile> {
    const { sha256, sizeBytes, format } = spec
    const draft = await folder.draft(uid, format)
    const peer = { name: from.node, ...(await readPeerCredentials(this.#options.peer)) }
    try {
      await download({
        ...{ uid, url: from.url, peer, sha256, partialPath: draft, maxBytes: sizeBytes, signal },
        limits: { ...DEFAULT_SOURCE_LIMITS, ...this.#options.limits },
        addresses: NO_POLICY,
        calls: folder.calls,
        reserve: (bytes) => folder.calls.run(() => this.#room.reserve(draft, bytes)),
        noRoom: storeFull,
        onProgress,
      })
      // A guest has written what is in it, and another node the rest.
      await inspectInWorker({ path: draft, format }, signal)
    } catch (error) {
      if (isTerminal(error)) await folder.calls.run(() => dropPartial(draft))
      throw error
    } finally {
      this.#room.release(draft)
    }
    await folder.name(uid, format)
    log.info({ sha256, sizeBytes }, 'a copy of an image is kept')
    const file = await folder.find(uid)
    if (!file) throw missing()
    return file
  }

  async remove({ uid }: Tombstone, context: RunContext): Promise<Observation<'imagecopy'>> {
    await this.#options.server.withdraw('store', uid)
    // Its run was ended; what that has begun must not give the file its name afterwards.
    await within(this.#fetching.get(uid) ?? Promise.resolve(), { signal: context.signal })
    const recorded = await this.#options.records.find(uid)
    // Without a record nothing of it was written, or the agent's disk was lost: it is looked for in every store.
    const stores = storesOf(context.state)
    const paths = recorded ? [recorded.poolPath] : stores.map(({ path }) => path)
    if (paths.length === 0 && !this.#removed.has(uid))
      throw new TransientError(
        'StoreNotOnNode',
        `no ImageStore is configured on node ${context.node}, and it is not known where the file was: it may still be there`,
      )
    for (const path of paths) await this.#folder(path).remove(uid)
    if (stores.length === 0) this.#removed.add(uid)
    return { state: 'gone' }
  }

  async places(): Promise<OwnedPlace[]> {
    return (await this.#knownPaths()).map((path) => ({ id: path, name: `image store at ${path}` }))
  }

  async listOwned(_signal: AbortSignal, place?: string): Promise<Orphan[]> {
    const paths = (await this.#knownPaths()).filter((path) => place === undefined || path === place)
    const owned = await Promise.all(paths.map((path) => this.#folder(path).list()))
    return owned.flat().map((uid) => ({ kind: 'imagecopy', uid, what: 'file of an image store' }))
  }

  /** For the node's inventory. A store that cannot be used is reported with the reason and counts as full. */
  async inventory(stores: readonly Store[]): Promise<Pick<Inventory, 'imageStores'>> {
    const imageStores: NonNullable<Inventory['imageStores']> = []
    for (const { name, driver, path, uid } of stores) {
      try {
        const { totalBytes, freeBytes } = await this.#folder(path).stats()
        const free = Math.max(0, freeBytes - KEEP_FREE_BYTES)
        imageStores.push({ name, driver, uid, totalGiB: Math.floor(totalBytes / GIB), freeGiB: Math.floor(free / GIB) })
      } catch (error) {
        if (!(error instanceof TransientError || error instanceof TerminalError)) throw error
        imageStores.push({ name, driver, uid, totalGiB: 0, freeGiB: 0, error: error.message })
      }
    }
    return { imageStores }
  }

  #folder(path: string): StoreFolder {
    const folder = this.#folders.get(path) ?? this.#options.openFolder(path)
    this.#folders.set(path, folder)
    return folder
  }

  async #knownPaths(): Promise<string[]> {
    return [...new Set((await this.#options.records.list()).map(({ poolPath }) => poolPath))]
  }
}

/** Other nodes' addresses are the operator's word. */
const NO_POLICY = { allowedNetworks: [], ownAddresses: () => [] }

function missing(): TransientError {
  return new TransientError(
    'ImageDataMissing',
    'the file was on this node, or was to come from one that does not have it any more, and no node that has it is known; is the file system of the store mounted?',
  )
}

function storesOf(state: Pick<NodeState, 'list'>): readonly Store[] {
  return state.list('node').flatMap((document) => (document.tombstone ? [] : (document.spec.imageStores ?? [])))
}
