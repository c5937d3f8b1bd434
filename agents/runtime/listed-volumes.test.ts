// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { instanceDocument } from '../compute/testing.ts'
import { ListedVolumes } from './listed-volumes.ts'

const first = instanceDocument()
const under = (versions: object) => ({ ...first, versions: { ...first.versions, ...versions } })

test('a machine that was not looked at since the agent began has no list', () => {
  expect(new ListedVolumes().complete(first, { hypervisor: 'x' })).toEqual({ hypervisor: 'x' })
})

test.each([
  ['the same document', {}, undefined],
  ['the same of a new leader', { term: 7 }, undefined],
  ['a later generation', { generation: 2 }, first.versions],
  ['a later epoch', { epoch: 2 }, first.versions],
  ['a later incarnation', { incarnation: 2 }, first.versions],
])('the last list goes on under %s, as old as it is', (_, versions, listedFor) => {
  const listed = new ListedVolumes()
  listed.complete(first, { volumesAttached: ['v'] })
  expect(listed.complete(under(versions), {})).toEqual({
    volumesAttached: ['v'],
    ...(listedFor ? { volumesListedFor: listedFor } : {}),
  })
})

test('what a run saw on its way counts for its document, and what it found in the end afterwards', () => {
  const listed = new ListedVolumes()
  const next = under({ generation: 2 })
  listed.complete(first, { volumesAttached: ['v'] })
  listed.note(next, ['v', 'w'])
  expect(listed.complete(next, { stages: [] })).toEqual({ stages: [], volumesAttached: ['v', 'w'] })
  expect(listed.complete(next, { volumesAttached: ['w'] })).toEqual({ volumesAttached: ['w'] })
  expect(listed.complete(next, {})).toEqual({ volumesAttached: ['w'] })
})

test('a machine that is gone takes its list along; other kinds have none', () => {
  const listed = new ListedVolumes()
  listed.note(first, ['v'])
  listed.forget(first)
  expect(listed.complete(first, {})).toEqual({})
  expect(listed.complete({ ...first, kind: 'port' }, {})).toEqual({})
})
