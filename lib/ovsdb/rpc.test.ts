// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { duplexPair } from 'node:stream'
import { checkResults } from './operations.ts'
import { OvsdbConnectionError, OvsdbError } from './errors.ts'
import type { Operation } from './operations.ts'
import { parseRemote, parseRemotes } from './remote.ts'
import { JsonRpcPeer } from './rpc.ts'

const none = (): void => undefined
const signal = AbortSignal.timeout(60_000)

function connect(options: { probeIntervalMs?: number; onClose?: (e: Error) => void } = {}) {
  const [near, far] = duplexPair()
  const received: Record<string, unknown>[] = []
  let wake = none
  far.on('data', (chunk: Buffer) => {
    received.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
    wake()
  })
  const peer = new JsonRpcPeer(near, {
    onNotification: none,
    onClose: options.onClose ?? none,
    probeIntervalMs: options.probeIntervalMs ?? 60_000,
  })
  const next = async (): Promise<Record<string, unknown>> => {
    if (received.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return received.shift()!
  }
  return { peer, far, next }
}

describe('JsonRpcPeer', () => {
  test('answers echo with the same parameters', async () => {
    const { far, next, peer } = connect()
    far.write('{"id":"e","method":"echo","params":[1,{"a":2}]}')
    expect(await next()).toEqual({ id: 'e', result: [1, { a: 2 }], error: null })
    peer.close('done')
  })
  test('pairs answers by id, in any order, and errors with their details', async () => {
    const { far, next, peer } = connect()
    const first = peer.request('a', [], signal)
    const second = peer.request('b', [], signal)
    const [one, two] = [await next(), await next()]
    far.write(JSON.stringify({ id: two['id'], result: null, error: { error: 'bad', details: 'thing' } }))
    far.write(JSON.stringify({ id: one['id'], result: 5, error: null }))
    await expect(second).rejects.toThrow(new OvsdbError('bad', 'thing'))
    expect(await first).toBe(5)
    peer.close('done')
  })
  test('an abort ends the wait, a lost connection all waits', async () => {
    const { far, peer } = connect()
    const abort = new AbortController()
    const aborted = peer.request('a', [], abort.signal)
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    const lost = peer.request('b', [], signal)
    far.destroy()
    await expect(lost).rejects.toThrow(OvsdbConnectionError)
    await expect(peer.request('c', [], signal)).rejects.toThrow(OvsdbConnectionError)
  })
  test('a silent peer is given up after an unanswered echo', async () => {
    const closed = new Promise<Error>((resolve) => connect({ probeIntervalMs: 20, onClose: resolve }))
    expect((await closed).message).toMatch('no answer for 40 ms')
  })
  test('a stream out of step is closed', async () => {
    const closed = new Promise<Error>((resolve) => void connect({ onClose: resolve }).far.write('}'))
    expect((await closed).message).toMatch('unusable message')
  })
})

describe('checkResults', () => {
  const operations: Operation[] = [{ op: 'comment', comment: 'a' }]
  test('finds the failed operation, and an error of the commit behind the last', () => {
    expect(checkResults([{}], operations)).toEqual([{}])
    expect(() => checkResults([{ error: 'timed out', details: 'x' }], operations)).toThrow(
      new OvsdbError('timed out', 'x', 0),
    )
    expect(() => checkResults([{}, { error: 'constraint violation' }], operations)).toThrow('constraint violation')
    expect(() => checkResults('what', operations)).toThrow(OvsdbError)
  })
})

describe('remotes', () => {
  test.each([
    ['unix:/run/x.sock', { transport: 'unix', path: '/run/x.sock' }],
    ['tcp:10.0.0.1:6641', { transport: 'tcp', host: '10.0.0.1', port: 6641 }],
    ['ssl:[fe80::1]:6642', { transport: 'ssl', host: 'fe80::1', port: 6642 }],
  ])('%s', (text, remote) => expect(parseRemote(text)).toEqual(remote))
  test.each(['', 'unix:', 'tcp:host', 'http:h:1', 'tcp:h:70000', 'tcp:h:0', 'tcp:a b:1'])('refuses %j', (text) => {
    expect(() => parseRemote(text)).toThrow(TypeError)
  })
  test('a list', () => expect(parseRemotes('tcp:a:1, ssl:b:2')).toHaveLength(2))
})
