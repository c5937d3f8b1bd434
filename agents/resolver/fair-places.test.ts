// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { FairPlaces } from './fair-places.ts'

const limits = { perGuest: 3, perNetwork: 4, all: 4, surePerNetwork: 1 }
const gone = (places: ReturnType<FairPlaces['take']>[]) => places.map((place) => place?.signal.aborted)

test('a guest and a network have so many', () => {
  const places = new FairPlaces({ ...limits, all: 9 })
  const taken = ['a', 'a', 'a', 'a', 'b', 'b'].map((guest) => places.take('lan', guest))
  expect(gone(taken)).toEqual([false, false, false, undefined, false, undefined])
  taken[0]?.leave()
  taken[0]?.leave()
  expect(gone(['b', 'b'].map((guest) => places.take('lan', guest)))).toEqual([false, undefined])
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
