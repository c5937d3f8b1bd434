// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import type { Instance, Quota, SecurityGroup, Volume } from '../../lib/api/types.ts'
import { SAMPLES } from '../../crds/suite/samples.ts'
import { quotaOf } from '../controllers/instance/kind.ts'
import { KIND_NAMES } from '../kinds.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'
import { stored } from '../testing/memory-deps.ts'
import { limitsOf } from './follow-quotas.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { findGroup } from '../quota/amounts.ts'
import { resourceKindOf, type KindName } from './row.ts'
import { done } from '../../lib/outcome.ts'
import { findUse, withQuota } from './with-quota.ts'

const quota = (name: string, hard: Record<string, number>, more: object = {}) => stored<Quota>(name, { hard }, more)

describe('the limits of a namespace', () => {
  test('of several Quotas each has to be kept', () => {
    const limits = limitsOf([quota('a', { cores: 4, ram: 1 }), quota('b', { cores: 2 }), quota('c', { cores: 3 })])
    expect(Object.fromEntries(limits)).toEqual({
      cores: { amount: 2, by: 'Quota ns/b' },
      ram: { amount: 1, by: 'Quota ns/a' },
    })
  })
  test('one that is being deleted bounds nothing', () => {
    expect(limitsOf([quota('a', { cores: 4 }, { deleted: true })]).size).toBe(0)
  })
})

test('each key that objects count by may stand in a Quota', () => {
  const [rule = ''] = /self\.all\(key[^\n]*/.exec(readFileSync('crds/quotas.yaml', 'utf8')) ?? []
  const known = new Set([...rule.matchAll(/'([A-Za-z]+)'/g)].map(([, key]) => key))
  const keys = KIND_NAMES.flatMap((name: KindName) => {
    const [sample] = SAMPLES[resourceKindOf(name).kind] ?? []
    const use = findUse(name)
    const object = { metadata: { name: 'x' }, spec: sample?.spec } as KubeObject
    return Object.keys(use?.needs?.(object) ?? {})
  })
  const machine = { metadata: { name: 'x' }, spec: { serverGroupRef: { name: 'web' } } } as Instance
  const all = [...keys, ...Object.keys(quotaOf(machine, { vcpus: 1, memoryMiB: 1 }))]
  expect(all.length).toBeGreaterThan(20)
  expect(
    all
      .map((key) => findGroup(key)?.bound ?? key)
      .filter((key) => !known.has(key) && !/^(volumes|gigabytes)\./.test(key)),
  ).toEqual([])
})

describe('what a project has', () => {
  const used = (c: QuietCloud, key: string) => c.operator.world.deps.quotas.project('ns').used.get(key) ?? 0

  test('follows what is made, grown and deleted', async () => {
    const c = await QuietCloud.furnished()
    c.volume('disk')
    c.vm('vm')
    await c.operator.rest()
    expect(['volumes', 'gigabytes', 'instances', 'cores', 'ram', 'ports'].map((key) => used(c, key))).toEqual([
      1, 1, 1, 1, 256, 1,
    ])
    c.set('volumes', 'disk', { sizeGiB: 3 })
    await c.operator.rest()
    expect(used(c, 'gigabytes')).toBe(3)
    c.drop('volumes', 'disk')
    c.drop('instances', 'vm')
    await c.operator.rest()
    expect(['volumes', 'gigabytes', 'instances', 'cores'].map((key) => used(c, key))).toEqual([0, 0, 0, 0])
  })

  test('a Volume that may not grow keeps what it has, in its status as in the sum', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { gigabytes: 2 } })
    c.volume('disk')
    await c.operator.rest()
    c.set('volumes', 'disk', { sizeGiB: 3 })
    await c.operator.rest()
    expect(used(c, 'gigabytes')).toBe(1)
    expect((c.operator.get('volumes', { namespace: 'ns', name: 'disk' }) as Volume).status).toMatchObject({
      sizeGiB: 1,
      grantedGiB: 1,
    })
  })

  test('of more rules than it may have a group keeps as many in force as before', async () => {
    const c = await QuietCloud.furnished()
    const rule = (port: number) => ({ direction: 'ingress', protocol: 'tcp', portRangeMin: port, portRangeMax: port })
    c.make('quotas', 'main', { hard: { securityGroupRules: 4 } })
    c.make('securityGroups', 'web', { rules: [rule(1), rule(2)] })
    await c.operator.rest()
    c.set('securityGroups', 'web', { rules: [1, 2, 3, 4, 5].map(rule) })
    await c.operator.rest()
    const web = () => c.operator.get('securityGroups', { namespace: 'ns', name: 'web' }) as SecurityGroup
    expect(web().status?.rulesInForce).toBe(2)
    c.set('securityGroups', 'web', { rules: [rule(1)] })
    await c.operator.rest()
    expect(web().status?.rulesInForce).toBeUndefined()
  })

  test('a Volume that waits for a place asks again with the size that it has by then', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { gigabytes: 10 } })
    c.operator.silence('s1')
    await c.operator.rest()
    c.volume('disk')
    await c.operator.rest()
    c.set('volumes', 'disk', { sizeGiB: 50 })
    c.operator.beat('s1')
    await c.operator.rest()
    expect(c.operator.reason('volumes', { namespace: 'ns', name: 'disk' })).toBe('QuotaExceeded')
  })

  test('what a machine was promised for a larger size is others’ when it wishes for it no more', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { cores: 4 } })
    c.make('flavors', 'huge', { vcpus: 3, memoryMiB: 10_000_000, rootDiskGiB: 1 })
    c.vm('vm')
    await c.operator.rest()
    c.set('instances', 'vm', { flavorRef: { name: 'huge' } })
    await c.operator.rest()
    expect(c.operator.world.deps.quotas.project('ns').reserved.get('cores')).toBeUndefined()
  })

  test.each([
    ['keyPairs', { keyPairRef: { name: 'it' } }],
    ['serverGroups', { serverGroupRef: { name: 'it' } }],
  ] as const)('%s over it are used by nobody, though both are made at once', async (cache, spec) => {
    for (const first of ['it', 'vm']) {
      const c = await QuietCloud.furnished()
      c.make('quotas', 'main', { hard: { [cache]: 0 } })
      if (first === 'it') c.make(cache, 'it')
      c.vm('vm', spec)
      if (first === 'vm') c.make(cache, 'it')
      await c.operator.rest()
      const vm = c.operator.get('instances', { namespace: 'ns', name: 'vm' }) as Instance
      expect(vm.status?.node).toBeUndefined()
      const message = new RegExp(`in spec.${cache.slice(0, -1)}Ref waits .*Quota ns/main allows 0 ${cache}`)
      expect(vm.status?.conditions).toContainEqual(
        expect.objectContaining({ reason: 'ReferenceOverQuota', message: expect.stringMatching(message) }),
      )
    }
  })

  test('what names it in another namespace is not told what that one may have', async () => {
    const c = await QuietCloud.furnished()
    c.operator.create('quotas', { namespace: 'library', name: 'q' }, { hard: { addressGroups: 0 } })
    const shared = { addresses: ['10.0.0.0/8'], sharedWith: [{ namespace: 'ns' }] }
    c.operator.create('addressGroups', { namespace: 'library', name: 'it' }, shared)
    const remoteAddressGroupRef = { namespace: 'library', name: 'it' }
    c.make('securityGroups', 'web', { rules: [{ direction: 'ingress', remoteAddressGroupRef }] })
    await c.operator.rest()
    const web = c.operator.get('securityGroups', { namespace: 'ns', name: 'web' }) as SecurityGroup
    const message = web.status?.conditions?.find(({ type }) => type === 'Ready')?.message
    expect(message).toContain('AddressGroup library/it in spec.rules[0].remoteAddressGroupRef waits for its Quota')
    expect(message).not.toContain('library/q')
  })

  test('what was never let in does not count because it is deleted and cannot go', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { keyPairs: 0 } })
    c.operator.create('keyPairs', ns('it'), c.specOf('keyPairs'), { finalizers: ['test/hold'] })
    await c.operator.rest()
    c.operator.remove('keyPairs', { namespace: 'ns', name: 'it' })
    await c.operator.rest()
    const it = c.operator.get('keyPairs', { namespace: 'ns', name: 'it' })
    expect(findUse('keyPairs')?.has(it)).toEqual({})
    expect(used(c, 'keyPairs')).toBe(0)
    c.drop('keyPairs', 'it')
    await c.operator.rest()
    expect(c.operator.reason('keyPairs', ns('it'))).toBe('gone')
  })

  test('nor what is deleted before it was looked at', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { keyPairs: 0 } })
    c.vm('vm', { keyPairRef: { name: 'it' } })
    await c.operator.rest()
    c.hold('keyPairs', 'it')
    await c.operator.rest()
    expect(used(c, 'keyPairs')).toBe(0)
  })

  test('a machine that was let in and has no node keeps its room when another operator leads', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { cores: 1 } })
    c.vm('late', { flavorRef: { name: 'later' } })
    await c.operator.rest()
    c.vm('vm', { availabilityZone: 'z9' })
    await c.operator.rest()
    expect(c.operator.reason('instances', { namespace: 'ns', name: 'vm' })).toBe('NoValidHost')
    // The first to run asks for what is not its.
    c.make('flavors', 'later')
    c.changeLeader()
    await c.operator.rest()
    const reasons = () => ['late', 'vm'].map((name) => c.operator.reason('instances', { namespace: 'ns', name }))
    expect(reasons()).toEqual(['QuotaExceeded', 'NoValidHost'])
    c.make('hostAggregates', 'fast', { nodes: ['c1'], availabilityZone: 'z9' })
    await c.operator.rest()
    expect(reasons()).toEqual(['QuotaExceeded', 'Ready'])
  })

  test('who waited before keeps its turn when another operator leads', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { cores: 2 } })
    c.make('flavors', 'two', { vcpus: 2 })
    c.vm('late', { flavorRef: { name: 'later' } })
    c.vm('old')
    await c.operator.rest()
    c.vm('vm', { flavorRef: { name: 'two' } })
    await c.operator.rest()
    c.make('flavors', 'later')
    c.changeLeader()
    await c.operator.rest()
    const reasons = () => ['late', 'vm'].map((name) => c.operator.reason('instances', { namespace: 'ns', name }))
    expect(reasons()).toEqual(['QuotaExceeded', 'QuotaExceeded'])
    c.operator.remove('instances', { namespace: 'ns', name: 'old' })
    await c.operator.rest()
    expect(reasons()).toEqual(['QuotaExceeded', 'Ready'])
  })

  test('the limits of a Cloud that is deleted hold until it is there again; those of another Cloud never', async () => {
    const c = await QuietCloud.furnished()
    c.operator.change('clouds', { name: 'default' }, (spec) => Object.assign(spec, { defaultQuota: { volumes: 0 } }))
    c.operator.create('clouds', { name: 'other' }, { defaultQuota: { volumes: 9 } })
    await c.operator.rest()
    const cloud = c.operator.get('clouds', { name: 'default' })
    c.operator.world.stores.clouds.remove('default', cloud.metadata.uid)
    c.volume('disk')
    await c.operator.rest()
    expect(c.operator.reason('volumes', { namespace: 'ns', name: 'disk' })).toBe('QuotaExceeded')
  })

  test('what asks after it is gone is promised nothing', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { volumes: 1 } })
    await c.operator.rest()
    const { deps, run } = c.operator.world
    const definition = withQuota<Volume>(
      'volumes',
      {
        name: 'volume',
        kind: resourceKindOf('volumes'),
        reconcile: async () => done,
      },
      deps,
    )
    await definition.reconcile(stored<Volume>('gone', { sizeGiB: 1 }), run)
    expect(deps.quotas.project('ns').reserved.get('volumes')).toBeUndefined()
  })

  test('what is refused has nothing made for it', async () => {
    const c = await QuietCloud.furnished()
    c.make('quotas', 'main', { hard: { instances: 0, volumes: 0 } })
    c.vm('vm')
    c.volume('disk')
    await c.operator.rest()
    expect(used(c, 'ports')).toBe(0)
    expect((c.operator.get('volumes', { namespace: 'ns', name: 'disk' }) as Volume).status?.pool).toBeUndefined()
  })
})
