// SPDX-License-Identifier: Apache-2.0
import { jetstream, type JetStreamClient, type StoredMsg } from '@nats-io/jetstream'
import type { DesiredDocument, DocumentKind } from '../../lib/contract/documents.ts'
import {
  DESIRED_BUCKET,
  OBSERVED_BUCKET,
  desiredSubject,
  observedSubject,
  parseDocumentKey,
  streamOf,
  toDocumentKey,
  type DocumentKey,
} from '../../lib/contract/subjects.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import { StaleWriterError, TransientError, messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import type { BucketEntry, BucketListener } from '../../lib/nats/follow.ts'
import { isMark, isWrongLastSequence, removeKey } from '../../lib/nats/removed-keys.ts'
import type { DesiredEntry, DesiredPublisher, Unsubscribe, Writer } from './bus.ts'
import { assertNotNewer, decodeDocument, digestOf, encodeDocument } from './desired-document.ts'
import { KnownDocuments, noDocument, toKnown, type KnownDocument } from './known-documents.ts'
import { Listeners } from './listeners.ts'
import { requireWriter } from './require-writer.ts'

/** So long a node that beats may leave a document unanswered; then it is sent once more: NATS may have lost the answer. */
const ANSWER_WITHIN_MS = 60_000

export interface JetStreamDesiredOptions {
  nc: NatsConnection
  writer: Writer
  log: Logger
  /** Has a node that beats not said anything of this version yet? */
  isUnanswered: (document: DesiredDocument) => boolean
  /** Does its node's latest report refuse it as an older leader's? */
  isRefused: (key: DocumentKey) => boolean
  /** What else must forget the object. */
  onWithdrawn: (key: DocumentKey) => void
  /** There is a key that is none of ours. A newer operator may know it, so that nobody takes it away. */
  onUnknown?: () => void
  now?: () => number
}

/** Of more removed keys than this the marks are forgotten: they are read when a key is written again. */
const MOST_MARKS = 10_000
const BUS_CONFLICT = 'BusConflict'
const ACK_TIMEOUT_MS = 5_000

export class JetStreamDesired implements DesiredPublisher, BucketListener {
  readonly #options: JetStreamDesiredOptions
  readonly #js: JetStreamClient
  readonly #now: () => number
  readonly #known = new KnownDocuments()
  /** Revisions of the marks on removed keys: whoever writes such a key again comes after its mark. */
  readonly #marks = new Map<string, number>()
  /** Keys seen in the running pass; undefined once it caught up. */
  #seen: Set<string> | undefined = new Set()
  #isQuietPass = true
  #isLoaded = false
  readonly #drift = new Listeners<DocumentKey>()
  readonly #reset = new Listeners<undefined>()

  constructor(options: JetStreamDesiredOptions) {
    this.#options = options
    this.#js = jetstream(options.nc)
    this.#now = options.now ?? (() => performance.now())
  }

  async publish(document: DesiredDocument): Promise<void> {
    const writer = this.#requireWriter()
    const { versions } = document
    if (versions.incarnation !== writer.incarnation || versions.term !== writer.term) {
      throw new StaleWriterError(`document of term ${versions.term}, this process writes in term ${writer.term}`)
    }
    const key = toDocumentKey(document)
    const digest = digestOf(document)
    const known = this.#known.find(key)
    if (known) {
      assertNotNewer(known.versions, versions)
      // Asked now, not only when the report comes: whoever got it may have lost the lead by then.
      const isStale = known.versions.term < writer.term && this.#options.isRefused(document)
      if (known.digest === digest && !known.renew && !isStale && !this.#isOverdue(known, document)) return
    }
    const data = encodeDocument(document)
    const revision = known ? await this.#write(document, data, known.revision) : await this.#writeNew(document, data)
    this.#marks.delete(key)
    this.#known.stored(key, toKnown(document, { digest, revision, sinceMs: this.#now(), before: known }))
  }

  async withdraw(node: string, kind: DocumentKind, uid: string): Promise<void> {
    this.#requireWriter()
    const key = { node, kind, uid }
    try {
      const { revision } = this.find(node, kind, uid) ?? {}
      const mark = await removeKey(this.#options.nc, DESIRED_BUCKET, desiredSubject(key), revision)
      // Wanted again meanwhile: the answer to that is none of ours to take.
      if (mark === undefined) return
      this.#rememberMark(toDocumentKey(key), mark)
      this.#requireWriter()
      await removeKey(this.#options.nc, OBSERVED_BUCKET, observedSubject(key))
    } catch (error) {
      throw busUnavailable(error)
    }
    this.#known.forget(toDocumentKey(key))
    this.#options.onWithdrawn(key)
  }

  find(node: string, kind: DocumentKind, uid: string): DesiredEntry | undefined {
    return this.#known.find(toDocumentKey({ node, kind, uid }))
  }

  async read(node: string, kind: DocumentKind, uid: string): Promise<DesiredDocument | undefined> {
    const message = await this.#get({ node, kind, uid })
    return message && !isMark(message.header) ? decodeDocument(message.data) : undefined
  }

  list(): readonly DesiredEntry[] {
    return this.#known.list()
  }

  listWithVolume(uid: string): readonly DocumentKey[] {
    return this.#known.listWithVolume(uid)
  }

  onVolumes(listener: (machine: DocumentKey) => void): Unsubscribe {
    return this.#known.onVolumes(listener)
  }

  onDrift(listener: (key: DocumentKey) => void): Unsubscribe {
    return this.#drift.add(listener)
  }

  onReset(listener: () => void): Unsubscribe {
    return this.#reset.add(listener)
  }

  /** The node said that it refuses this document as an older leader's. */
  refused(key: DocumentKey): void {
    const known = this.#known.find(toDocumentKey(key))
    const writer = this.#options.writer()
    if (!known || !writer || known.renew || known.versions.term >= writer.term) return
    known.renew = true
    this.#drift.emit(key)
  }

  // What the bucket says, in order: see lib/nats/follow.ts.

  restarted(isRefresh: boolean): void {
    this.#seen = new Set()
    this.#isQuietPass = isRefresh || !this.#isLoaded
  }

  entry({ key, revision, data }: BucketEntry): void {
    this.#seen?.add(key)
    const known = this.#known.find(key)
    if (known && known.revision >= revision && !this.#seen) return
    const id = parseDocumentKey(key)
    const document = id && decodeDocument(data)
    if (!id) {
      this.#options.log.warn({ key: key.slice(0, 200) }, 'unknown key in desired')
      this.#options.onUnknown?.()
    } else if (!document) {
      this.#known.set(key, noDocument(id, revision))
      this.#drift.emit(id)
    } else {
      const digest = digestOf(document)
      this.#known.set(key, toKnown(document, { digest, revision, sinceMs: this.#now(), before: known }))
      if (known && known.digest !== digest) this.#drift.emit(id)
    }
  }

  caughtUp(): void {
    const lost = this.#known.entries().filter(([key]) => !this.#seen?.has(key))
    for (const [key] of lost) this.#known.forget(key)
    this.#seen = undefined
    this.#isLoaded = true
    if (!this.#isQuietPass) this.#reset.emit(undefined)
    else for (const [, { node, kind, uid }] of lost) this.#drift.emit({ node, kind, uid })
  }

  #requireWriter(): Pick<Versions, 'incarnation' | 'term'> {
    const writer = requireWriter(this.#options.writer)
    if (this.#seen) throw new TransientError('BusUnavailable', 'the message bus is being read again')
    return writer
  }

  /** What really lies there: our own write of before a withdrawal may have been told after it. */
  async #reload(id: DocumentKey): Promise<void> {
    const key = toDocumentKey(id)
    const message = await this.#get(id)
    this.#known.forget(key)
    this.#marks.delete(key)
    if (message && isMark(message.header)) this.#rememberMark(key, message.seq)
    else if (message) this.entry({ key, revision: message.seq, data: message.data })
  }

  async #get(key: DocumentKey): Promise<StoredMsg | null> {
    try {
      const jsm = await this.#js.jetstreamManager(false)
      return await jsm.direct.getMessage(streamOf(DESIRED_BUCKET), { last_by_subj: desiredSubject(key) })
    } catch (error) {
      throw busUnavailable(error)
    }
  }

  #isOverdue({ sinceMs }: KnownDocument, document: DesiredDocument): boolean {
    return this.#now() - sinceMs > ANSWER_WITHIN_MS && this.#options.isUnanswered(document)
  }

  #rememberMark(key: string, revision: number): void {
    if (this.#marks.size >= MOST_MARKS) this.#marks.clear()
    this.#marks.set(key, revision)
  }

  /** A key without a document has a mark where one was removed, by another leader too, which is then read first. */
  async #writeNew(document: DesiredDocument, data: string): Promise<number> {
    const key = toDocumentKey(document)
    try {
      return await this.#write(document, data, this.#marks.get(key) ?? 0)
    } catch (error) {
      if (!(error instanceof TransientError) || error.reason !== BUS_CONFLICT || this.#known.find(key)) throw error
      return this.#write(document, data, this.#marks.get(key) ?? 0)
    }
  }

  async #write(document: DesiredDocument, data: string, expected: number): Promise<number> {
    const key = toDocumentKey(document)
    this.#known.sending(key, document, expected)
    try {
      const ack = await this.#js.publish(desiredSubject(document), data, {
        timeout: ACK_TIMEOUT_MS,
        expect: { lastSubjectSequence: expected },
      })
      return ack.seq
    } catch (error) {
      if (isWrongLastSequence(error)) {
        this.#known.refused(key, expected)
        await this.#reload(document)
        throw new TransientError(BUS_CONFLICT, 'another writer was faster', { cause: error })
      }
      throw busUnavailable(error)
    }
  }
}

function busUnavailable(cause: unknown): TransientError {
  return new TransientError('BusUnavailable', `the message bus did not answer: ${messageOf(cause)}`, { cause })
}
