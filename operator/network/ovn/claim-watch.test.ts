// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { ClaimWatch, judgeClaim } from './claim-watch.ts'
import type { PortRequest } from './port-request.ts'

const asked = (node?: string, former?: string): PortRequest => ({ node, former })

describe('judgeClaim', () => {
  const fine = { isTaken: false, hasLeft: false }
  const left = { isTaken: false, hasLeft: true }
  const taken = { isTaken: true, hasLeft: false }
  test.each<[string, PortRequest | undefined, string | undefined, ReturnType<typeof judgeClaim>]>([
    ['a row that is not ours', undefined, 'evil', fine],
    ['off', asked('a'), undefined, fine],
    ['on its node', asked('a'), 'a', fine],
    ['nowhere, unclaimed', asked(), undefined, fine],
    ['stopped, and begun again on the same node', asked('a'), 'a', fine],
    ['evacuated: the dead node still has the claim', asked('b', 'a'), 'a', fine],
    ['evacuated: let go, not claimed yet', asked('b', 'a'), undefined, left],
    ['evacuated: claimed by the new node', asked('b', 'a'), 'b', left],
    ['given up, the dead node still has the claim', asked(undefined, 'a'), 'a', fine],
    ['given up and let go', asked(undefined, 'a'), undefined, left],
    ['taken from its node', asked('a'), 'evil', taken],
    ['taken while it is plugged nowhere', asked(), 'evil', taken],
    ['taken back by the node that it was on, after it had let go', asked('b'), 'a', taken],
    ['taken by a third in the midst of a move', asked('b', 'a'), 'evil', { isTaken: true, hasLeft: true }],
  ])('%s', (_, request, claimant, verdict) => expect(judgeClaim(request, claimant)).toEqual(verdict))
})

describe('ClaimWatch', () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  function world() {
    const requests = new Map<string, PortRequest>([['p', asked('a')]])
    const claims = new Map<string, string>()
    const log: string[] = []
    const watch = new ClaimWatch({
      request: (uid) => requests.get(uid),
      claimant: (uid) => claims.get(uid),
      onLeft: (uid) => void log.push(`left ${uid}`),
      onTaken: (nodes) => void log.push(`taken ${[...nodes].sort().join()}`),
      patienceMs: 1000,
      now: () => Date.now(),
    })
    const claim = (uid: string, node?: string) => {
      if (node === undefined) claims.delete(uid)
      else claims.set(uid, node)
      watch.look([uid])
    }
    const ask = (uid: string, request: PortRequest) => {
      requests.set(uid, request)
      watch.look([uid])
    }
    return { watch, claim, ask, log, requests }
  }

  test('a claim that lasts is told once, and its end', () => {
    const { watch, claim, log } = world()
    claim('p', 'evil')
    jest.advanceTimersByTime(999)
    expect([watch.list(), log]).toEqual([[], []])
    jest.advanceTimersByTime(1)
    watch.look(['p'])
    expect([watch.list(), log]).toEqual([[{ uid: 'p', node: 'evil', wanted: 'a' }], ['taken evil']])
    claim('p', 'a')
    expect([watch.list(), log]).toEqual([[], ['taken evil', 'taken evil']])
  })

  test('the southbound database hears first of a move: no word', () => {
    const { watch, claim, ask, log } = world()
    claim('p', 'a')
    claim('p', 'b')
    jest.advanceTimersByTime(900)
    ask('p', asked('b', 'a'))
    jest.advanceTimersByTime(5000)
    expect([watch.list(), log]).toEqual([[], ['left p']])
  })

  test('a whole move, in each order that its steps can be seen in, says nothing but that the old node let go', () => {
    for (const isAlive of [true, false]) {
      const { watch, claim, ask, log } = world()
      claim('p', 'a')
      ask('p', asked('b', 'a'))
      jest.advanceTimersByTime(60_000)
      if (isAlive) claim('p')
      claim('p', 'b')
      ask('p', asked('b'))
      jest.advanceTimersByTime(60_000)
      expect(watch.list()).toEqual([])
      expect(new Set(log)).toEqual(new Set(['left p']))
    }
  })

  test('a second thief is told as such, and time does not begin anew for one that stays while the port moves', () => {
    const { watch, claim, ask, log } = world()
    claim('p', 'x')
    jest.advanceTimersByTime(1000)
    claim('p', 'y')
    expect([watch.list(), log]).toEqual([[], ['taken x', 'taken x']])
    jest.advanceTimersByTime(1000)
    ask('p', asked('c', 'a'))
    expect(watch.list()).toEqual([{ uid: 'p', node: 'y', wanted: 'c' }])
  })

  test('a port that goes takes its suspicion with it, and so does a lost connection', () => {
    const { watch, claim, requests, log } = world()
    claim('p', 'x')
    requests.delete('p')
    watch.look(['p'])
    jest.advanceTimersByTime(5000)
    requests.set('p', asked('a'))
    watch.look(['p'])
    jest.advanceTimersByTime(1000)
    watch.clear()
    jest.advanceTimersByTime(5000)
    expect([watch.list(), log]).toEqual([[], ['taken x', 'taken x']])
  })
})
