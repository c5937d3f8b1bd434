// SPDX-License-Identifier: Apache-2.0
// The part of NATS that JetStreamDesired uses: key-value buckets in memory, with conditional writes by revision. For tests.
import { headers, type MsgHdrs } from '@nats-io/transport-node'
import type { NatsConnection } from '../../lib/nats/connect.ts'

interface Stored {
  seq: number
  data: Uint8Array
  headers: MsgHdrs
}

const WRONG_LAST_SEQUENCE = { code: 400, err_code: 10071, description: 'wrong last sequence' }

export class MemoryStream {
  /** By subject, deletion markers included. */
  readonly messages = new Map<string, Stored>()
  /** Each request that arrived, in order: `write`, `read`, `purge`, and the subject. */
  readonly requests: string[] = []
  /** What is lost of the next write: the request, or only its answer. */
  fault: 'request' | 'answer' | undefined
  /** Awaited before a write or a purge is taken. */
  before: (subject: string) => Promise<void> | undefined = () => undefined
  #seq = 0

  /** A write by another process. */
  put(subject: string, value: unknown): number {
    return this.#store(subject, Buffer.from(JSON.stringify(value)), headers())
  }

  asConnection(): NatsConnection {
    const request = async (subject: string, data: Uint8Array | string = '', options: { headers?: MsgHdrs } = {}) => {
      if (subject.startsWith('$JS.API.DIRECT.GET.')) return this.#get(subject.split('.').slice(5).join('.'))
      if (subject.startsWith('$JS.API.STREAM.PURGE.')) return answer(await this.#purge(Buffer.from(data).toString()))
      return this.#write(subject, Buffer.from(data), options.headers ?? headers())
    }
    return { options: { inboxPrefix: '_INBOX' }, request } as unknown as NatsConnection
  }

  #store(subject: string, data: Uint8Array, head: MsgHdrs): number {
    this.messages.set(subject, { seq: ++this.#seq, data, headers: head })
    return this.#seq
  }

  async #write(subject: string, data: Uint8Array, head: MsgHdrs) {
    this.requests.push(`write ${subject}`)
    const { fault } = this
    this.fault = undefined
    if (fault === 'request') throw new Error('timeout')
    await this.before(subject)
    const expected = head.get('Nats-Expected-Last-Subject-Sequence')
    if (expected !== '' && Number(expected) !== (this.messages.get(subject)?.seq ?? 0))
      return answer({ error: WRONG_LAST_SEQUENCE })
    const seq = this.#store(subject, data, head)
    if (fault === 'answer') throw new Error('timeout')
    return answer({ stream: 'KV', seq })
  }

  #get(subject: string) {
    this.requests.push(`read ${subject}`)
    const found = this.messages.get(subject)
    if (!found) return { data: new Uint8Array(), headers: headers(404, 'Message Not Found') }
    const head = headers()
    for (const key of found.headers.keys()) head.set(key, found.headers.get(key))
    head.set('Nats-Sequence', String(found.seq))
    head.set('Nats-Subject', subject)
    return { data: found.data, headers: head }
  }

  async #purge(query: string) {
    const { filter, seq = Infinity } = JSON.parse(query) as { filter: string; seq?: number }
    this.requests.push(`purge ${filter}`)
    await this.before(filter)
    const found = this.messages.get(filter)
    if (found && found.seq < seq) this.messages.delete(filter)
    return { success: true, purged: 1 }
  }
}

function answer(value: unknown) {
  return { data: Buffer.from(JSON.stringify(value)), headers: headers() }
}
