// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { FairPlaces } from './fair-places.ts'

const limits = { perGuest: 3, perNetwork: 4, all: 4, surePerNetwork: 1 }
const gone = (places: ReturnType<FairPlaces['take']>[]) => places.map((place) => place?.signal.aborted)

test('a guest has so many', () => {
  const places = new FairPlaces({ ...limits, all: 9 })
  const taken = ['a', 'a', 'a', 'a', 'b'].map((guest) => places.take('lan', guest))
  expect(gone(taken)).toEqual([false, false, false, undefined, false])
  taken[0]?.leave()
  taken[0]?.leave()
  expect(gone(['a', 'a'].map((guest) => places.take('lan', guest)))).toEqual([false, undefined])
})

test('when those of its network are taken, the guest that holds most there gives up its oldest', () => {
  const places = new FairPlaces({ ...limits, all: 9 })
  const taken = ['b', 'a', 'a', 'a'].map((guest) => places.take('lan', guest))
  const more = ['b', 'c'].map((guest) => places.take('lan', guest))
  expect([gone(taken), gone(more)]).toEqual([
    [true, true, false, false],
    [false, false],
  ])
  // Nobody of another network has to.
  expect(gone([places.take('wan', 'a')])).toEqual([false])
})

test('a crowd of guests with one place each lets everybody in, and the one that asks for a second gives up its own', () => {
  const places = new FairPlaces({ ...limits, all: 9 })
  const [a, ...others] = ['a', 'b', 'c', 'd'].map((guest) => places.take('lan', guest))
  const second = places.take('lan', 'a')
  expect([gone([a, second]), gone(others)]).toEqual([
    [true, false],
    [false, false, false],
  ])
  expect(gone([places.take('lan', 'e')])).toEqual([false])
})

test('when all are taken, of the network that holds most the guest that holds most', () => {
  const places = new FairPlaces({ ...limits, all: 4 })
  const lan = ['b', 'a', 'a'].map((guest) => places.take('lan', guest))
  places.take('wan', 'x')
  expect(gone([places.take('wan', 'y')])).toEqual([false])
  expect(gone(lan)).toEqual([false, true, false])
})

test('when all are taken, the network that holds most gives up its oldest', () => {
  const places = new FairPlaces(limits)
  const lan = ['a', 'a', 'a'].map((guest) => places.take('lan', guest))
  const wan = [places.take('wan', 'a'), places.take('wan', 'a')]
  expect([gone(lan), gone(wan)]).toEqual([
    [true, false, false],
    [false, false],
  ])
  const third = places.take('wan', 'a')
  expect([gone(lan), gone(wan), gone([third])]).toEqual([[true, false, false], [true, false], [false]])
})

test('what is sure to a network it keeps, and gets', () => {
  const places = new FairPlaces({ ...limits, all: 2 })
  const each = ['n1', 'n2', 'n3'].map((uid) => places.take(uid, 'a'))
  expect(gone(each)).toEqual([false, false, false])
  const second = places.take('n1', 'a')
  expect([gone(each), gone([second])]).toEqual([[false, false, false], [false]])
})
