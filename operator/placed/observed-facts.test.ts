// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ObservedFacts } from '../../lib/contract/documents.ts'
import {
  answerOf,
  factOf,
  imagePresence,
  plugPresence,
  powerPresence,
  volumePresence,
  type Asked,
} from './observed-facts.ts'

const asked: Asked = { incarnation: 2, epoch: 3, generation: 4 }
const report = (facts: ObservedFacts, more: Partial<Asked> & { state?: string } = {}) => {
  const { state = 'running', ...versions } = more
  return { state, facts, versions: { term: 1, ...asked, ...versions } }
}
const older = { generation: 3 }

describe('which reports answer', () => {
  test.each<[string, Partial<Asked>, boolean]>([
    ['the document itself', {}, true],
    ['a later generation', { generation: 5 }, true],
    ['an older generation', { generation: 3 }, false],
    ['a later epoch of a smaller generation', { epoch: 4, generation: 1 }, true],
    ['an older epoch of a higher generation', { epoch: 2, generation: 9 }, false],
    ['an older incarnation of higher numbers', { incarnation: 1, epoch: 9, generation: 9 }, false],
    ['a later incarnation of smaller numbers', { incarnation: 3, epoch: 1, generation: 1 }, true],
  ])('%s', (_, said, answers) => {
    expect(answerOf(report({}, said), asked) !== undefined).toBe(answers)
    expect(factOf(report({ sizeGiB: 7 }, said), 'sizeGiB', asked)).toBe(answers ? 7 : undefined)
  })
  test('nobody spoke, or does not say', () => {
    expect(answerOf(undefined, asked)).toBeUndefined()
    expect(factOf(report({}), 'sizeGiB', asked)).toBeUndefined()
  })
})

describe('a volume in a machine', () => {
  const listed = (versions: Partial<Asked>) => ({ term: 1, ...asked, ...versions })
  test.each<[string, ReturnType<typeof report> | undefined, string]>([
    ['nobody spoke', undefined, 'unknown'],
    ['listed', report({ volumesAttached: ['v', 'w'] }), 'present'],
    ['listed under an older document', report({ volumesAttached: ['v'] }, older), 'present'],
    ['listed while it builds', report({ volumesAttached: ['v'] }, { state: 'building' }), 'present'],
    ['not in the list', report({ volumesAttached: ['w'] }), 'absent'],
    ['not in an empty list', report({ volumesAttached: [] }), 'absent'],
    ['not in the list of a refusal', report({ volumesAttached: [] }, { state: 'refused' }), 'absent'],
    ['no list', report({}), 'unknown'],
    ['no list, it builds', report({ stages: ['Booted'] }, { state: 'building' }), 'unknown'],
    ['no list, it failed', report({}, { state: 'failed' }), 'unknown'],
    ['no list, it was refused', report({}, { state: 'refused' }), 'unknown'],
    ['not in the list of an older generation', report({ volumesAttached: [] }, older), 'unknown'],
    ['not in the list of an older epoch', report({ volumesAttached: [] }, { epoch: 2, generation: 9 }), 'unknown'],
    ['not in the list of an older incarnation', report({ volumesAttached: [] }, { incarnation: 1 }), 'unknown'],
    [
      'not in a list that is older than the report',
      report({ volumesAttached: [], volumesListedFor: listed(older) }),
      'unknown',
    ],
    ['not in the list of a later generation', report({ volumesAttached: [] }, { generation: 9 }), 'absent'],
    ['the machine is gone', report({}, { state: 'gone' }), 'absent'],
    ['the machine was gone under an older epoch', report({}, { state: 'gone', epoch: 2 }), 'unknown'],
  ])('%s: %s', (_, said, presence) => {
    expect(volumePresence(said, 'v', asked)).toBe(presence)
  })
})

test.each<[string, ReturnType<typeof report> | undefined, string]>([
  ['nobody spoke', undefined, 'unknown'],
  ['reached', report({ stages: ['ImageCached'] }), 'present'],
  ['not reached', report({ stages: ['Booted'] }), 'absent'],
  ['no stages', report({}, { state: 'failed' }), 'unknown'],
  ['not reached under an older document', report({ stages: [] }, older), 'unknown'],
  ['reached under an older document', report({ stages: ['ImageCached'] }, older), 'unknown'],
])('the image, %s: %s', (_, said, presence) => {
  expect(imagePresence(said, asked)).toBe(presence)
})

test.each([
  ['running', {}, 'present'],
  ['paused', {}, 'present'],
  ['suspended', {}, 'present'],
  ['stopped', {}, 'absent'],
  ['crashed', {}, 'absent'],
  ['waiting', {}, 'absent'],
  ['building', {}, 'unknown'],
  ['failed', {}, 'unknown'],
  ['refused', {}, 'unknown'],
  ['stopped', older, 'unknown'],
  ['running', { epoch: 2 }, 'unknown'],
])('the power of a machine that is %s, %j: %s', (state, versions, presence) => {
  expect(powerPresence(report({}, { state, ...versions }), asked)).toBe(presence)
})

test.each<[string, ObservedFacts, Partial<Asked>, string]>([
  ['active', {}, {}, 'present'],
  ['active', {}, older, 'unknown'],
  ['active', {}, { epoch: 2 }, 'unknown'],
  ['plugging', { ovnInstalled: true, linkUp: false }, {}, 'present'],
  ['plugging', { ovnInstalled: false, linkUp: true }, {}, 'absent'],
  ['plugging', {}, {}, 'unknown'],
  ['failed', { ovnInstalled: true }, {}, 'unknown'],
  ['refused', {}, {}, 'absent'],
  ['gone', { ovnInstalled: true }, {}, 'absent'],
  ['gone', {}, { epoch: 2 }, 'unknown'],
])('the plug of a port that is %s with %j, %j: %s', (state, facts, versions, presence) => {
  expect(plugPresence(report(facts, { state, ...versions }), asked)).toBe(presence)
})
