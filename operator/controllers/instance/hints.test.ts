// SPDX-License-Identifier: Apache-2.0
// spec.schedulerHints: machines are where their claims are, and a machine waits for those that it names.
import { expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { machine, machineWorld, step } from '../../testing/machine-world.ts'
import { hintsOf } from './hints.ts'

const other = (name: string) => {
  const made = machine({ networks: [] })
  Object.assign(made.metadata, { name, uid: `uid-${name}` })
  return made
}
const asking = (schedulerHints: Instance['spec']['schedulerHints']) =>
  machine({ networks: [], ...(schedulerHints ? { schedulerHints } : {}) })

test('machines are where their claims are, written or not', async () => {
  const w = machineWorld()
  const [web, db] = [other('web'), other('db')]
  for (const one of [web, db]) {
    w.put('instances', one)
    await step(w, one)
  }
  const hints = hintsOf(
    asking({ sameHost: ['web', 'gone'], differentHost: ['db'], cidr: '/16', buildNearHostIP: '10.0.0.1' }),
    w.deps,
  )
  expect(hints).toEqual({
    ...{ sameHost: new Set([web.status?.node]), differentHost: new Set([db.status?.node]) },
    ...{ prefix: 16, buildNearHostIP: '10.0.0.1' },
  })
  expect(hintsOf(machine(), w.deps)).toBeUndefined()
  expect(hintsOf(asking({ node: 'c1', query: '[]' }), w.deps)).toEqual({ node: 'c1', query: '[]' })
})

test.each<[string, Instance['spec']['schedulerHints'], string | undefined]>([
  ['with', { sameHost: ['web'] }, 'c1'],
  ['apart', { differentHost: ['web'] }, 'c2'],
  ['on', { node: 'c2' }, 'c2'],
  ['near', { buildNearHostIP: '192.0.2.7' }, undefined],
])('it goes %s', async (_, hints, node) => {
  const w = machineWorld()
  const web = other('web')
  web.spec = { ...web.spec, schedulerHints: { node: 'c1' } }
  w.put('instances', web)
  await step(w, web)
  expect(web.status?.node).toBe('c1')
  const vm = asking(hints)
  await step(w, vm)
  expect(vm.status?.node).toBe(node)
  if (node === undefined) expect(findCondition(vm.status?.conditions, 'Scheduled')?.reason).toBe('NoValidHost')
})
