// SPDX-License-Identifier: Apache-2.0
// What the worst reports that the schema takes cost an operator, which keeps all of them and looks things up in them: no more at each
// further one, however many name the same.
import { expect, test } from '@jest/globals'
import { CONTRACT_VERSION, ObservedDocument, type DocumentKind } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { DEFAULT_SHARE } from './node-shares.ts'
import { ObservedCache } from './observed.ts'

const NODE = 'rogue'
const list = <T>(length: number, of: (i: number) => T) => Array.from({ length }, (_, i) => of(i))
const hex = (i: number) => i.toString(16).padStart(2, '0')
const nics = list(16, (i) => ({
  ...{ mac: `fa:16:3e:00:00:${hex(i)}`, portUid: 'p', networkUid: 'n', network: 'team/lan' },
  addresses: list(8, (k) => `fd00::${i}:${k}`),
}))
const volumesAttached = list(64, (i) => `volume-${i}`)
const report = (kind: DocumentKind, uid: string, facts: object, since = 't'): ObservedDocument => ({
  ...{ v: CONTRACT_VERSION, kind, uid, node: NODE, namespace: 'ns', name: 'x', state: 'running', bootId: 'b', since },
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  facts,
})
const orphans = (count: number) =>
  list(count, (i) => ({ kind: 'instance', uid: `u${i}`, what: 'w', nics: nics.slice(0, 2) }))

interface Worst {
  what: string
  atMost: number
  kind: DocumentKind
  facts: object
}
const WORST: Worst[] = [
  { what: 'interfaces and volumes', atMost: 2_000, kind: 'instance', facts: { nics, volumesAttached } },
  { what: 'volumes', atMost: 2_000, kind: 'instance', facts: { volumesAttached } },
  // One of a node's reports alone is of this kind, and it is read anew with each change.
  { what: 'orphans', atMost: 200, kind: 'node', facts: { orphans: orphans(100) } },
]

test.each(WORST)('$what', ({ atMost, kind, facts }) => {
  const cache = new ObservedCache(createLogger('test', 'silent'))
  expect(ObservedDocument.parse(report(kind, 'x', facts))).toEqual(report(kind, 'x', facts))
  const bytes = JSON.stringify(report(kind, 'x', facts)).length
  const count = Math.min(atMost, Math.floor(DEFAULT_SHARE.bytes / bytes))
  /** All of them, each another than before; what it costs to read one has nothing to do with others. @returns milliseconds of the part */
  const say = (from: number, to: number, since: string) => {
    const reports = list(to - from, (i) => report(kind, `x-${from + i}`, facts, since))
    const startedMs = performance.now()
    for (const said of reports) cache.put(said, said)
    return performance.now() - startedMs
  }
  say(0, 20, 'warm')
  const few = say(0, 20, 'few')
  say(20, count, 't')
  const many = Math.min(say(0, 20, 'many'), say(0, 20, 'more'))
  expect(cache.listNode(NODE)).toHaveLength(count)
  // By a list for each address it was more than a hundred times as much.
  expect(many).toBeLessThan(5 * few + 20)
})
