// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { DocumentKind } from '../../lib/contract/documents.ts'
import { describeFact, findNewerFact, isNewerReport, type NewerFact, type StoredVersions } from './newer-facts.ts'

const ours = { incarnation: 2, term: 5 }
const at = (versions: object = {}) => ({ ...ours, epoch: 3, generation: 4, ...versions })
const stored: StoredVersions = { generation: 4, epoch: 3 }
const report = (state: string, versions: object = {}) => ({ state, versions: at(versions) })

test.each<
  [string, object, boolean, StoredVersions | undefined, ReturnType<typeof report> | undefined, NewerFact | undefined]
>([
  ['the same', {}, false, stored, undefined, undefined],
  ['an older one', { generation: 3, epoch: 2, term: 4 }, false, stored, undefined, undefined],
  ['a newer generation', { generation: 5 }, false, stored, undefined, 'generation'],
  ['a newer generation, under an older epoch', { generation: 5, epoch: 1 }, false, stored, undefined, 'generation'],
  ['a newer epoch', { epoch: 4 }, false, stored, undefined, 'epoch'],
  [
    'a newer epoch, of what has no status',
    { epoch: 4 },
    false,
    { generation: 4, epoch: undefined },
    undefined,
    undefined,
  ],
  ['a newer term', { term: 6 }, false, stored, undefined, 'term'],
  ['a newer incarnation', { incarnation: 3, term: 0 }, false, stored, undefined, 'incarnation'],
  [
    'newer, but of an older incarnation',
    { incarnation: 1, generation: 9, epoch: 9, term: 9 },
    false,
    stored,
    undefined,
    undefined,
  ],
  ['no resource, its node has it', {}, false, undefined, report('running'), 'existence'],
  ['no resource, its node fails with it', {}, false, undefined, report('failed'), 'existence'],
  ['no resource, its node says nothing', {}, false, undefined, undefined, undefined],
  ['no resource, its node let go of it', {}, false, undefined, report('gone'), undefined],
  ['no resource, its node never took it', {}, false, undefined, report('refused'), undefined],
  [
    'no resource, its node speaks of an older incarnation',
    {},
    false,
    undefined,
    report('running', { incarnation: 1 }),
    undefined,
  ],
  [
    'no resource, decided in an older incarnation',
    { incarnation: 1 },
    false,
    undefined,
    report('running', { incarnation: 1 }),
    undefined,
  ],
  ['a tombstone without a resource', {}, true, undefined, report('running'), undefined],
  ['a tombstone of the present state', {}, true, stored, report('running'), undefined],
  [
    'a tombstone newer than the resource: it is back from the dead',
    { generation: 5 },
    true,
    stored,
    undefined,
    'generation',
  ],
])('%s', (_, versions, tombstone, resource, said, fact) => {
  const entry = { kind: 'instance' as const, versions: at(versions), tombstone }
  expect(findNewerFact(entry, resource, said, ours)).toBe(fact)
})

test.each<[DocumentKind, NewerFact | undefined]>([
  ['instance', 'existence'],
  ['volume', 'existence'],
  ['port', 'existence'],
  ['image', undefined],
  ['node', undefined],
])('a document of kind %s that a node answers, without a resource', (kind, fact) => {
  const entry = { kind, versions: at(), tombstone: false }
  expect(findNewerFact(entry, undefined, report('ready'), ours)).toBe(fact)
})

test.each([
  [{}, false],
  [{ generation: 5 }, true],
  [{ epoch: 4, generation: 1 }, true],
  [{ epoch: 2, generation: 9 }, false],
  [{ incarnation: 3, epoch: 0 }, true],
  [{ incarnation: 1, epoch: 9 }, false],
  [{ term: 9 }, false],
])('a node’s report of %j is newer: %s', (versions, newer) => expect(isNewerReport(at(versions), at())).toBe(newer))

test.each<[NewerFact, string]>([
  ['incarnation', 'of incarnation 2, the Cloud of 1'],
  ['term', 'of term 5, this leader of 4'],
  ['generation', 'node n was given generation 4 of port ns/p, the resource is of 2'],
  ['epoch', 'node n was given epoch 3 of port ns/p, the resource is of 1'],
  ['existence', 'node n has port ns/p (u), of which there is no resource'],
])('%s, for people', (fact, text) => {
  const entry = { kind: 'port' as const, uid: 'u', node: 'n', versions: at() }
  const context = { name: 'ns/p', stored: { generation: 2, epoch: 1 }, ours: { incarnation: 1, term: 4 } }
  expect(describeFact(fact, entry, context)).toContain(text)
})
