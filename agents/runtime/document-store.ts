// SPDX-License-Identifier: Apache-2.0
// The agent's memory: every document it has accepted, so that machines keep running while NATS and the operator are down, and so that older
// documents are refused forever. One file per document, written atomically: new file, fsync, rename, fsync of the folder.
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DesiredDocument, DOCUMENT_KINDS, type DocumentKind } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import { syncFolder, writeWhole } from '../../lib/durable-files.ts'
import type { Logger } from '../../lib/log.ts'
import { Ballast, isDiskFull } from './ballast.ts'
import { keyOf } from './reconciler.ts'
import { OneAtATime } from '../../lib/one-at-a-time.ts'

const StoredDocument = z.object({
  document: DesiredDocument,
  /** Of a tombstone: it is carried out. It is kept, so that no older document can bring the object back. */
  done: z.boolean(),
})
export type StoredDocument = z.infer<typeof StoredDocument>

/** The highest writer this node has seen; lower ones may send nothing new. */
export type HighestWriter = Pick<Versions, 'incarnation' | 'term'>

const State = z.object({ storeId: z.string(), highest: z.object({ incarnation: z.int(), term: z.int() }).optional() })

const STATE_FILE = 'state.json'
const DOCUMENT_FILE = new RegExp(`^(${DOCUMENT_KINDS.join('|')})\\.[a-z0-9-]{1,63}\\.json$`)
/** How many finished tombstones are remembered; older leaders are refused by their term anyway. */
const MAX_DONE = 5_000

/** How files are written; replaced in tests by a disk that is full. */
export interface DocumentFiles {
  writeWhole: (path: string, text: string) => Promise<void>
}

export class DocumentStore {
  readonly #dir: string
  readonly #log: Logger
  readonly #files: DocumentFiles
  readonly #ballast: Ballast
  readonly #documents = new Map<string, StoredDocument>()
  /** Tombstones that could not be written to a full disk: held in memory only, and to be delivered again. */
  readonly #unsaved = new Set<string>()
  #storeId = ''
  #highest: HighestWriter | undefined
  /** One write at a time: a document that arrives while its tombstone is being finished must win. */
  readonly #writes = new OneAtATime()

  private constructor(dir: string, log: Logger, files: DocumentFiles) {
    this.#dir = dir
    this.#files = files
    this.#log = log
    this.#ballast = new Ballast(dir)
  }

  /**
   * Reads the folder, creating it if it is missing. A file that cannot be read is moved to `*.bad` and the store takes a new id: the
   * operator then has everything delivered again.
   */
  static async open(dir: string, log: Logger, files: DocumentFiles = { writeWhole }): Promise<DocumentStore> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const store = new DocumentStore(dir, log, files)
    await store.#load()
    await store.#ballast.ensure()
    return store
  }

  get storeId(): string {
    return this.#storeId
  }

  get highest(): HighestWriter | undefined {
    return this.#highest
  }

  find(kind: DocumentKind, uid: string): StoredDocument | undefined {
    return this.#documents.get(`${kind}.${uid}`)
  }

  list(): readonly StoredDocument[] {
    return [...this.#documents.values()]
  }

  /**
   * Durable when it resolves with true. False: a tombstone that could not be written to a full disk. It takes effect all the same, and the
   * document that it ends is removed from the disk, so that a restart brings nothing back; have it delivered again until it is stored.
   * @throws when any other document cannot be written
   */
  put(document: DesiredDocument): Promise<boolean> {
    return this.#writes.run(async () => {
      try {
        await this.#put(document)
        this.#unsaved.delete(keyOf(document))
        return true
      } catch (error) {
        if (!document.tombstone || !isDiskFull(error)) throw error
        this.#log.warn({ key: keyOf(document) }, 'the disk is full: a delete is carried out from memory')
        await this.#keepInMemory(document, false)
        return false
      }
    })
  }

  /** Whether a document that was delivered again is on disk by now. */
  async isSaved(document: DesiredDocument): Promise<boolean> {
    return this.#unsaved.has(keyOf(document)) ? this.#saveAgain(document) : true
  }

  /** The tombstone is carried out. */
  finish(document: DesiredDocument): Promise<void> {
    return this.#writes.run(() => this.#finish(document))
  }

  /** Forgets a document that was replaced by another; nothing happens to the object that it names. */
  drop(kind: DocumentKind, uid: string): Promise<void> {
    const key = `${kind}.${uid}`
    return this.#writes.run(async () => {
      await rm(join(this.#dir, `${key}.json`), { force: true })
      this.#documents.delete(key)
    })
  }

  #saveAgain(document: DesiredDocument): Promise<boolean> {
    const key = keyOf(document)
    return this.#writes.run(async () => {
      const held = this.#documents.get(key)
      if (held?.document !== document) return true
      try {
        await this.#write(key, held)
        this.#unsaved.delete(key)
        await this.#ballast.ensure()
        return true
      } catch (error) {
        if (!isDiskFull(error)) throw error
        return false
      }
    })
  }

  /** Removing a file needs no space. */
  async #keepInMemory(document: DesiredDocument, done: boolean): Promise<void> {
    const key = keyOf(document)
    await rm(join(this.#dir, `${key}.json`), { force: true })
    await syncFolder(this.#dir)
    this.#remember(key, { document, done })
    this.#unsaved.add(key)
  }

  async #put(document: DesiredDocument): Promise<void> {
    await this.#write(keyOf(document), { document, done: false })
    const { incarnation, term } = document.versions
    const highest = this.#highest
    if (highest && compareWriters({ incarnation, term }, highest) <= 0) return
    this.#highest = { incarnation, term }
    await this.#writeState()
  }

  async #finish(document: DesiredDocument): Promise<void> {
    const key = keyOf(document)
    const held = this.#documents.get(key)
    if (held?.document !== document || held.done) return
    try {
      await this.#write(key, { document, done: true })
      this.#unsaved.delete(key)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      await this.#keepInMemory(document, true)
    }
    await this.#prune()
    await this.#ballast.ensure()
  }

  async #load(): Promise<void> {
    const names = await readdir(this.#dir)
    let lost = false
    for (const name of names.filter((n) => DOCUMENT_FILE.test(n))) {
      const stored = await this.#read(join(this.#dir, name), StoredDocument)
      if (stored && `${keyOf(stored.document)}.json` === name) this.#documents.set(keyOf(stored.document), stored)
      else lost = true
    }
    for (const name of names.filter((n) => n.endsWith('.new'))) await rm(join(this.#dir, name), { force: true })
    const state = names.includes(STATE_FILE) ? await this.#read(join(this.#dir, STATE_FILE), State) : undefined
    this.#highest = highestOf([state?.highest, ...this.list().map((d) => d.document.versions)])
    if (state && !lost) {
      this.#storeId = state.storeId
      return
    }
    this.#storeId = randomUUID()
    await this.#writeState()
  }

  async #read<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      return schema.parse(JSON.parse(await readFile(path, 'utf8')))
    } catch (error) {
      this.#log.error({ err: error, file: path }, 'document file cannot be read, put aside')
      await rename(path, `${path}.bad`)
      return undefined
    }
  }

  async #write(key: string, stored: StoredDocument): Promise<void> {
    // Not for new documents: the reserve is for those that end or change what exists.
    await this.#writeFile(`${key}.json`, stored, stored.document.tombstone || this.#documents.has(key))
    this.#remember(key, stored)
  }

  /** Moves it to the end of the map, whose order is the order of writing. */
  #remember(key: string, stored: StoredDocument): void {
    this.#documents.delete(key)
    this.#documents.set(key, stored)
  }

  async #writeState(): Promise<void> {
    await this.#writeFile(STATE_FILE, { storeId: this.#storeId, highest: this.#highest }, true)
  }

  /** Durable when it resolves. Mode 0600: documents hold user data. */
  async #writeFile(name: string, content: unknown, mayUseBallast: boolean): Promise<void> {
    const write = () => this.#files.writeWhole(join(this.#dir, name), JSON.stringify(content))
    await (mayUseBallast ? this.#ballast.withRoom(write) : write())
    await syncFolder(this.#dir)
  }

  /** The map's order is the order of writing, and so of finishing. */
  async #prune(): Promise<void> {
    const done = [...this.#documents].filter(([, stored]) => stored.done)
    for (const [key] of done.slice(0, Math.max(0, done.length - MAX_DONE))) {
      await rm(join(this.#dir, `${key}.json`), { force: true })
      this.#documents.delete(key)
    }
  }
}

/** Negative when `a` is older. */
export function compareWriters(a: HighestWriter, b: HighestWriter): number {
  return a.incarnation - b.incarnation || a.term - b.term
}

function highestOf(writers: readonly (HighestWriter | undefined)[]): HighestWriter | undefined {
  let highest: HighestWriter | undefined
  for (const writer of writers) {
    if (writer && (!highest || compareWriters(writer, highest) > 0)) {
      highest = { incarnation: writer.incarnation, term: writer.term }
    }
  }
  return highest
}
