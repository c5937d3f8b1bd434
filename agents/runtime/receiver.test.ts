// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { JsMsg } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { createLogger } from '../../lib/log.ts'
import { until } from '../../lib/time/until.ts'
import { receiveDocuments, take, type ReceiverOptions } from './receiver.ts'

const log = createLogger('test', 'silent')

function message(subject: string, pending: number) {
  const said: string[] = []
  const msg = {
    subject,
    data: Buffer.from('{}'),
    headers: undefined,
    info: { pending },
    ack: () => said.push('ack'),
    nak: (ms: number) => said.push(`again in ${ms}`),
  } as unknown as JsMsg
  return { msg, said }
}

async function took(subject: string, pending: number, receive: () => Promise<void>): Promise<string[]> {
  const { msg, said } = message(subject, pending)
  await take(msg, { receive, caughtUp: () => void said.push('caught up'), log })
  return said
}

const KEY = '$KV.desired.n1.instance.a'
test.each<[string, string, number, () => Promise<void>, string[]]>([
  ['one that is taken', KEY, 3, async () => undefined, ['ack']],
  ['the last one that is taken', KEY, 0, async () => undefined, ['ack', 'caught up']],
  // A full disk: the pull goes on with those behind it, and not all that there is has been received.
  ['one that is not', KEY, 0, async () => Promise.reject(new Error('the disk is full')), ['again in 5000']],
  [
    'one under a key that is none',
    '$KV.desired.n1.whatever',
    1,
    async () => Promise.reject(new Error('asked')),
    ['ack'],
  ],
  ['one of no bucket', '$JS.EVENT.x', 1, async () => Promise.reject(new Error('asked')), ['ack']],
])('%s', async (_name, subject, pending, receive, expected) => {
  expect(await took(subject, pending, receive)).toEqual(expected)
})

test('the mark of a removed key is acknowledged and asks for nothing: absence deletes nothing', async () => {
  const { msg, said } = message(KEY, 0)
  const mark = headers()
  mark.set('KV-Operation', 'DEL')
  const received: string[] = []
  await take(Object.assign(msg, { headers: mark }), {
    receive: async ({ uid }) => void received.push(uid),
    caughtUp: () => void said.push('caught up'),
    log,
  })
  expect([received, said]).toEqual([[], ['ack', 'caught up']])
})

test('a document is acknowledged when it was taken, and not before', async () => {
  const { msg, said } = message(KEY, 1)
  let taken: () => void = () => undefined
  const taking = take(msg, {
    receive: (key) => {
      expect(key).toEqual({ node: 'n1', kind: 'instance', uid: 'a' })
      return new Promise((resolve) => (taken = resolve))
    },
    caughtUp: () => undefined,
    log,
  })
  await Promise.resolve()
  expect(said).toEqual([])
  taken()
  await taking
  expect(said).toEqual(['ack'])
})

describe('pulls', () => {
  /** A pull that lasts until it is stopped; what is pushed is delivered at once. */
  class Pull {
    isStopped = false
    readonly #messages: JsMsg[] = []
    #wake: () => void = () => undefined
    push(...messages: JsMsg[]): void {
      this.#messages.push(...messages)
      this.#wake()
    }
    stop(): void {
      this.isStopped = true
      this.#wake()
    }
    async *[Symbol.asyncIterator](): AsyncGenerator<JsMsg> {
      for (;;) {
        const next = this.#messages.shift()
        if (next) yield next
        else if (this.isStopped) return
        else await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    }
  }

  function begin(pending: { num_pending: number; num_ack_pending: number } | Error) {
    const stop = new AbortController()
    const pulls: Pull[] = []
    const state = {
      caughtUp: 0,
      asked: 0,
      closed: false,
      fail: undefined as Error | undefined,
      received: [] as string[],
      onFetch: (): void => undefined,
    }
    let reconnect: () => void = () => undefined
    const nc = {
      isClosed: () => state.closed,
      status: async function* () {
        for (const type of ['ping', 'reconnect']) {
          await new Promise<void>((resolve) => (reconnect = resolve))
          yield { type }
        }
      },
    }
    const getConsumer = async () => {
      state.asked++
      if (pending instanceof Error) throw pending
      return {
        info: async () => pending,
        fetch: async () => {
          if (state.fail) throw state.fail
          const pull = new Pull()
          pulls.push(pull)
          state.onFetch()
          return pull
        },
      }
    }
    const ended = receiveDocuments({
      ...({ nc, getConsumer } as unknown as Pick<ReceiverOptions, 'nc' | 'getConsumer'>),
      receive: async ({ uid }) => void state.received.push(uid),
      caughtUp: () => {
        state.caughtUp++
      },
      ...{ log, signal: stop.signal },
    })
    return { stop, pulls, state, ended, status: () => reconnect() }
  }

  test.each([
    ['nothing waits', { num_pending: 0, num_ack_pending: 0 }, 1],
    ['some wait', { num_pending: 2, num_ack_pending: 0 }, 0],
    ['some are not acknowledged', { num_pending: 0, num_ack_pending: 1 }, 0],
  ])('all is received from the start when %s', async (_, pending, caughtUp) => {
    const { stop, pulls, state, ended } = begin(pending)
    await until(() => pulls.length === 1)
    expect(state.caughtUp).toBe(caughtUp)
    stop.abort()
    await ended
    expect(pulls[0]!.isStopped).toBe(true)
  })

  test('follow each other; documents are taken in their order', async () => {
    const { stop, pulls, state, ended } = begin({ num_pending: 2, num_ack_pending: 0 })
    await until(() => pulls.length === 1)
    pulls[0]!.push(message('$KV.desired.n1.instance.a', 1).msg, message('$KV.desired.n1.instance.b', 0).msg)
    await until(() => state.received.length === 2)
    expect(state).toMatchObject({ received: ['a', 'b'], caughtUp: 1 })
    pulls[0]!.stop()
    await until(() => pulls.length === 2)
    // An end while one is taken leaves those behind it to the next process.
    pulls[1]!.push(message('$KV.desired.n1.instance.c', 1).msg, message('$KV.desired.n1.instance.d', 0).msg)
    await until(() => state.received.includes('c'))
    stop.abort()
    await ended
    expect(state.asked).toBe(1)
  })

  test('an end while a document is taken leaves those behind it alone', async () => {
    const { stop, pulls, state, ended } = begin({ num_pending: 2, num_ack_pending: 0 })
    await until(() => pulls.length === 1)
    const [first, second] = [message('$KV.desired.n1.instance.a', 1), message('$KV.desired.n1.instance.b', 0)]
    const ack = first.msg.ack.bind(first.msg)
    first.msg.ack = () => {
      stop.abort()
      ack()
    }
    pulls[0]!.push(first.msg, second.msg)
    await ended
    expect([state.received, first.said, second.said]).toEqual([['a'], ['ack'], []])
  })

  test('that a server has forgotten are ended by the reconnection', async () => {
    const { stop, pulls, ended, status } = begin({ num_pending: 0, num_ack_pending: 0 })
    await until(() => pulls.length === 1)
    status()
    await new Promise((resolve) => setImmediate(resolve))
    expect(pulls[0]!.isStopped).toBe(false)
    status()
    await until(() => pulls.length === 2)
    expect([pulls[0]!.isStopped, pulls[1]!.isStopped]).toEqual([true, false])
    stop.abort()
    await ended
  })

  test('an end that comes while a pull is asked for ends that one too', async () => {
    const { stop, pulls, state, ended } = begin({ num_pending: 0, num_ack_pending: 0 })
    await until(() => pulls.length === 1)
    state.onFetch = () => stop.abort()
    pulls[0]!.stop()
    await ended
    expect(pulls.map(({ isStopped }) => isStopped)).toEqual([true, true])
  })

  test('that fail are begun anew from the consumer, and end with the connection', async () => {
    const { pulls, state, ended } = begin({ num_pending: 0, num_ack_pending: 0 })
    await until(() => pulls.length === 1)
    state.fail = new Error('consumer deleted')
    pulls[0]!.stop()
    await until(() => state.asked === 2)
    state.fail = undefined
    await until(() => pulls.length === 2)
    state.closed = true
    state.fail = new Error('closed')
    pulls[1]!.stop()
    await ended
  })

  test('wait for a consumer that is not made yet, ever longer, and not after the end', async () => {
    const { stop, state, ended } = begin(new Error('consumer not found'))
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(state.asked).toBeGreaterThanOrEqual(2)
    expect(state.asked).toBeLessThanOrEqual(4)
    stop.abort()
    await ended
    expect(state.caughtUp).toBe(0)
  })
})
