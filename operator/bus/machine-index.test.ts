// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ObservedDocument, ObservedNic } from '../../lib/contract/documents.ts'
import { MachineIndex } from './machine-index.ts'

const nicOf = (networkUid: string, addresses: string[], mac = 'fa:16:3e:00:00:01'): ObservedNic => ({
  networkUid,
  mac,
  addresses,
})
const reportOf = (node: string, uid: string, nics: ObservedNic[]): ObservedDocument =>
  ({ kind: 'instance', node, uid, name: uid, namespace: 'ns', state: 'running', facts: { nics } }) as ObservedDocument
const orphansOf = (node: string, uid: string, nics: ObservedNic[], more: object = {}): ObservedDocument =>
  ({
    kind: 'node',
    node,
    uid: node,
    state: 'ready',
    facts: { orphans: [{ kind: 'instance', uid, what: '', nics }], ...more },
  }) as never

test('a machine is found by each address, twice where two of its networks have the same, until its report is replaced', () => {
  const index = new MachineIndex()
  const [a, b] = [nicOf('net-a', ['10.0.0.5', '10.0.0.6']), nicOf('net-b', ['10.0.0.5'], 'fa:16:3e:00:00:02')]
  const first = reportOf('n1', 'vm', [a, b])
  index.replace(undefined, first)
  expect(index.listNics('10.0.0.5').map(({ nic }) => nic)).toEqual([a, b])
  expect(index.listNics(b.mac)).toEqual([{ node: 'n1', uid: 'vm', name: 'ns/vm', isOrphan: false, nic: b }])
  const second = reportOf('n1', 'vm', [b])
  index.replace(first, second)
  expect(index.listNics('10.0.0.5').map(({ nic }) => nic)).toEqual([b])
  expect(index.listNics('10.0.0.6')).toEqual([])
  index.replace(second, undefined)
  expect(index.listNics('10.0.0.5')).toEqual([])
})

test('the same machine on two nodes, and as an orphan of its node, is three; each goes by its own report', () => {
  const index = new MachineIndex()
  const nics = [nicOf('net', ['10.0.0.5'])]
  const reports = [reportOf('n1', 'vm', nics), reportOf('n2', 'vm', nics), orphansOf('n1', 'vm', nics)]
  for (const report of reports) index.replace(undefined, report)
  const who = () => index.listNics('10.0.0.5').map(({ node, isOrphan }) => `${node} ${isOrphan}`)
  expect(who()).toEqual(['n1 false', 'n2 false', 'n1 true'])
  expect(index.listOrphans('vm')).toEqual([{ node: 'n1', uid: 'vm', isOrphan: true }])
  index.replace(reports[0], undefined)
  expect(who()).toEqual(['n2 false', 'n1 true'])
  index.replace(reports[2], undefined)
  expect(who()).toEqual(['n2 false'])
  expect(index.listOrphans('vm')).toEqual([])
})

test('a node that names the same addresses in all its reports costs no more at each further one', () => {
  const index = new MachineIndex()
  const addresses = Array.from({ length: 64 }, (_, i) => `10.0.0.${i}`)
  const nics = Array.from({ length: 64 }, () => nicOf('net', addresses))
  const reports = Array.from({ length: 434 }, (_, i) => reportOf('rogue', `vm-${i}`, nics))
  for (const report of reports) index.replace(undefined, report)
  const start = performance.now()
  for (const report of reports.slice(0, 20)) index.replace(report, report)
  // A filtered list a key took five seconds for each of them.
  expect(performance.now() - start).toBeLessThan(2_000)
})

test.each<[string, object, string[]]>([
  ['has looked, and it is not there', {}, ['new']],
  ['could not look at its machines', { unlisted: [{ kind: 'instance' }] }, ['old', 'new']],
  ['could not look at a pool', { unlisted: [{ kind: 'volume' }] }, ['new']],
  ['has listed nothing', { orphans: undefined }, ['old']],
])('an orphan of a node that %s', (_, more, left) => {
  const index = new MachineIndex()
  const nic = nicOf('net', ['10.0.0.5'])
  const reports = [orphansOf('n1', 'old', [nic]), orphansOf('n1', 'new', [], more)] as const
  index.replace(undefined, reports[0])
  index.replace(reports[0], reports[1])
  // Heard twice is no other than once.
  index.replace(reports[1], reports[1])
  expect(['old', 'new'].filter((uid) => index.listOrphans(uid).length > 0)).toEqual(left)
  expect(index.listNics(nic.mac)).toHaveLength(left.includes('old') ? 1 : 0)
  index.replace(reports[1], orphansOf('n1', 'old', []))
  expect(index.listNics(nic.mac)).toEqual([])
  index.replace(reports[1], undefined)
  expect([...index.listOrphans('old'), ...index.listOrphans('new')]).toEqual([])
})

test('a node that is gone has no orphans, whatever its last report lists', () => {
  const index = new MachineIndex()
  const nic = nicOf('net', ['10.0.0.5'])
  const report = orphansOf('n1', 'old', [nic])
  index.replace(undefined, report)
  index.replace(report, { ...report, state: 'gone' })
  index.replace(undefined, { ...reportOf('n1', 'port', [nic]), kind: 'port' })
  expect([index.listOrphans('old'), index.listNics(nic.mac)]).toEqual([[], []])
})

test('a node that never lists its machines is remembered for as many as one report may name', () => {
  const index = new MachineIndex()
  let report: ObservedDocument | undefined
  for (let i = 0; i < 300; i++) {
    const next = orphansOf('n1', `vm-${i}`, [], { unlisted: [{ kind: 'instance' }] })
    index.replace(report, next)
    report = next
  }
  expect([299, 44, 43].map((i) => index.listOrphans(`vm-${i}`).length)).toEqual([1, 1, 0])
})

test('a node that left has no machines, whatever its last report names', () => {
  const index = new MachineIndex()
  const report = orphansOf('n1', 'vm', [nicOf('net', ['10.0.0.5'])])
  index.replace(undefined, report)
  index.replace(report, { ...report, state: 'gone' })
  expect([index.listOrphans('vm'), index.listNics('10.0.0.5')]).toEqual([[], []])
})
