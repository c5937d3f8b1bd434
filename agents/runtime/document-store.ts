// SPDX-License-Identifier: Apache-2.0
// The agent's memory: every document it has accepted, so that machines keep running with NATS and the operator away, and so that what
// is older is refused for ever. One file a document, written whole: new file, fsync, rename, fsync of the folder.
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DesiredDocument, type DocumentKind } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import { syncFolder, writeWhole } from '../../lib/durable-files.ts'
import type { Logger } from '../../lib/log.ts'
import { keyOf } from './reconciler.ts'

const StoredDocument = z.object({
  document: DesiredDocument,
  /** Of a tombstone: nothing is left of what it names. It stays, so that no older document brings it back. */
  done: z.boolean(),
})
export type StoredDocument = z.infer<typeof StoredDocument>

/** The highest writer this node has heard of; below it nobody may tell it anything new. */
export type HighestWriter = Pick<Versions, 'incarnation' | 'term'>

const State = z.object({ storeId: z.string(), highest: z.object({ incarnation: z.int(), term: z.int() }).optional() })

const STATE_FILE = 'state.json'
const DOCUMENT_FILE = /^(node|image|volume|port|instance)\.[a-z0-9-]{1,63}\.json$/
/** So many finished tombstones are remembered; older leaders are refused by their term anyway. */
const MAX_DONE = 5_000

export class DocumentStore {
  readonly #dir: string
  readonly #log: Logger
  readonly #documents = new Map<string, StoredDocument>()
  #storeId = ''
  #highest: HighestWriter | undefined
  #tail: Promise<void> = Promise.resolve()

  private constructor(dir: string, log: Logger) {
    this.#dir = dir
    this.#log = log
  }

  /**
   * Reads the folder, and makes it when it is missing. A file that cannot be read is put aside as `*.bad` and the store takes a new
   * id: the operator then has everything delivered again.
   */
  static async open(dir: string, log: Logger): Promise<DocumentStore> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const store = new DocumentStore(dir, log)
    await store.#load()
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

  /** On disk when it resolves. */
  put(document: DesiredDocument): Promise<void> {
    return this.#inTurn(() => this.#put(document))
  }

  /** The tombstone is carried out. */
  finish(document: DesiredDocument): Promise<void> {
    return this.#inTurn(() => this.#finish(document))
  }

  /** Forgets a document that another one took the place of; nothing is done about what it names. */
  drop(kind: DocumentKind, uid: string): Promise<void> {
    const key = `${kind}.${uid}`
    return this.#inTurn(async () => {
      await rm(join(this.#dir, `${key}.json`), { force: true })
      this.#documents.delete(key)
    })
  }

  /** One write at a time: a document that arrives while its tombstone is being finished must be the one that stays. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => undefined)
    return turn
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
    await this.#write(key, { document, done: true })
    await this.#prune()
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
    await this.#writeFile(`${key}.json`, stored)
    // At the end of the map, whose order is that of writing.
    this.#documents.delete(key)
    this.#documents.set(key, stored)
  }

  async #writeState(): Promise<void> {
    await this.#writeFile(STATE_FILE, { storeId: this.#storeId, highest: this.#highest })
  }

  /** Outlasts a power cut when it resolves. Mode 0600: documents hold user data. */
  async #writeFile(name: string, content: unknown): Promise<void> {
    await writeWhole(join(this.#dir, name), JSON.stringify(content))
    await syncFolder(this.#dir)
  }

  /** The map's order is that of writing, and so of finishing. */
  async #prune(): Promise<void> {
    const done = [...this.#documents].filter(([, stored]) => stored.done)
    for (const [key] of done.slice(0, Math.max(0, done.length - MAX_DONE))) {
      await rm(join(this.#dir, `${key}.json`), { force: true })
      this.#documents.delete(key)
    }
  }
}

/** Negative when `a` is the older. */
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
