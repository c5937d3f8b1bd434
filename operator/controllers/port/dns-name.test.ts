// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Network, Port } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { listNamesakes, nameInEffect, recordName } from './dns-name.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const lan = stored<Network>('lan', { dnsDomain: 'lan.example' })
const portOf = (name: string, { namespace = 'ns', created = '2026-01-01T00:00:00Z' } = {}): Port => ({
  ...stored<Port>(name, { networkRef: { name: 'lan', namespace: 'ns' } }),
  metadata: { name, namespace, uid: `uid-${name}`, creationTimestamp: created, resourceVersion: '1' },
})

/** Each has a machine of that hostname; all know of each other. */
function settle(ports: readonly Port[], hostnames: readonly (string | undefined)[]) {
  const w = memoryWorld()
  for (const round of [1, 2])
    for (const [i, port] of ports.entries()) {
      recordName(port, { network: lan, hostname: hostnames[i] }, w.deps, new Date(NOW.getTime() + round * 1000))
      w.put('ports', port)
    }
  const said = (port: Port) => findCondition(port.status?.conditions, 'Named')
  return { deps: w.deps, said, has: (port: Port) => nameInEffect(port, lan, w.deps) }
}

test('hostname and domain are the name', () => {
  const port = portOf('a')
  const { has, said } = settle([port], ['web'])
  expect(has(port)).toBe('web.lan.example')
  expect(said(port)).toMatchObject({ status: 'True', reason: 'Named', message: expect.stringContaining('web.lan.ex') })
})

describe('of two that want one name', () => {
  const [old, young] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:09Z']
  test.each<[string, Port, Port]>([
    ['the older', portOf('b', { created: old }), portOf('a', { created: young })],
    ['of the same age the one whose UID is first', portOf('a'), portOf('b')],
    ['the Network’s own project', portOf('b', { created: young }), portOf('a', { namespace: 'team', created: old })],
  ])('%s has it', (_, winner, loser) => {
    for (const order of [
      [winner, loser],
      [loser, winner],
    ]) {
      const { has, said, deps } = settle(order, ['db', 'db'])
      expect([has(winner), has(loser)]).toEqual(['db.lan.example', undefined])
      expect(said(loser)).toMatchObject({ status: 'False', reason: 'NameInUse' })
      expect(listNamesakes(winner, deps.caches)).toEqual([`${loser.metadata.namespace}/${loser.metadata.name}`])
    }
  })
  test.each([
    ['ns', 'team', 'a Port of another namespace'],
    ['team', 'team', 'Port team/a'],
  ])('one of %s has it, and one of %s is told: %s', (first, second, says) => {
    const [a, b] = [portOf('a', { namespace: first }), portOf('b', { namespace: second })]
    expect(settle([a, b], ['db', 'db']).said(b)?.message).toContain(says)
  })
  test('others do not matter', () => {
    const [a, b] = [portOf('a'), portOf('b')]
    const { has } = settle([a, b], ['db', 'db2'])
    expect([has(a), has(b)]).toEqual(['db.lan.example', 'db2.lan.example'])
  })
})

test('without a machine it has none, and nothing is said of it', () => {
  const port = portOf('a')
  const { said } = settle([port], ['web'])
  expect(said(port)).toBeDefined()
  const later = settle([port], [undefined])
  expect([port.status?.dnsName, later.has(port), later.said(port)]).toEqual([undefined, undefined, undefined])
})
