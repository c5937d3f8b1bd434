// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { AddressGroup, Port, SecurityGroup } from '../../../lib/api/types.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { MemoryNetwork } from '../../testing/memory-network.ts'
import { reconcileSecurityGroup } from './reconcile.ts'

const group = (name: string, remotes: readonly string[] = [], more: object = {}) =>
  stored<SecurityGroup>(
    name,
    { rules: remotes.map((remote) => ({ direction: 'ingress', remoteGroupRef: { name: remote } })) },
    more,
  )
const port = (securityGroup: string) =>
  stored<Port>(
    'p',
    { networkRef: { name: 'lan' }, securityGroupRefs: [{ name: securityGroup }] },
    { status: { securityGroupUIDs: [`uid-${securityGroup}`] } },
  )
const inForce = { status: { remoteUIDs: ['uid-web'] } }
const ready = (generation: number) => ({
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: '',
      lastTransitionTime: '',
      observedGeneration: generation,
    },
  ],
})

describe('rules', () => {
  test.each([
    ['defaults', { direction: 'egress' }, { direction: 'egress', etherType: 'IPv4', protocol: 'any' }],
    [
      'ports and prefix',
      { direction: 'ingress', protocol: 'tcp', portRangeMin: 22, portRangeMax: 23, remoteIPPrefix: '10.0.0.0/8' },
      {
        direction: 'ingress',
        etherType: 'IPv4',
        protocol: 'tcp',
        portRangeMin: 22,
        portRangeMax: 23,
        remoteIPPrefix: '10.0.0.0/8',
      },
    ],
    [
      'another group, by its UID',
      { direction: 'ingress', etherType: 'IPv6', remoteGroupRef: { name: 'web' } },
      { direction: 'ingress', etherType: 'IPv6', protocol: 'any', remoteGroupUid: 'uid-web' },
    ],
    [
      'type and code',
      { direction: 'ingress', protocol: 'icmp', icmpType: 3, icmpCode: 4 },
      { direction: 'ingress', etherType: 'IPv4', protocol: 'icmp', icmpType: 3, icmpCode: 4 },
    ],
    [
      'a protocol by name',
      { direction: 'egress', protocol: 'vrrp' },
      { direction: 'egress', etherType: 'IPv4', protocol: 112 },
    ],
    [
      'a protocol by number',
      { direction: 'egress', protocol: '47' },
      { direction: 'egress', etherType: 'IPv4', protocol: 47 },
    ],
  ] as const)('%s', async (_, rule, logical) => {
    const w = memoryWorld()
    w.put('securityGroups', group('web'))
    const db = stored<SecurityGroup>('db', { rules: [rule], denyEgress: true })
    expect(await reconcileSecurityGroup(db, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(db.status?.state).toBe('ACTIVE')
    expect(w.network.rows.of('SecurityGroup').get('uid-db')?.rules).toStrictEqual([{ index: 0, ...logical }])
  })
  test('stateless', async () => {
    const w = memoryWorld()
    await reconcileSecurityGroup(stored<SecurityGroup>('web', { stateful: false }), w.deps, w.run)
    expect(w.network.rows.of('SecurityGroup').get('uid-web')?.stateless).toBe(true)
  })
  test('dependency: a group that does not exist is named, with its field', async () => {
    const w = memoryWorld()
    const db = group('db', ['web'])
    db.spec.denyEgress = true
    expect(await reconcileSecurityGroup(db, w.deps, w.run)).toMatchObject({
      kind: 'wait',
      reason: 'SecurityGroupNotFound',
      message: expect.stringContaining('ns/web in spec.rules[0].remoteGroupRef'),
    })
    // Its other rules hold meanwhile, so that they are there again too after the backend's database was lost.
    expect(w.network.rows.of('SecurityGroup').get('uid-db')?.rules).toEqual([])
  })
  test.each([
    ['a new rule', {}, 'SecurityGroupDeleting'],
    ['a rule of an older generation that was realised', { status: ready(1), generation: 2 }, 'SecurityGroupDeleting'],
    ['a rule that was realised', { status: ready(1) }, undefined],
  ])('%s that names a group which is being deleted', async (_, more, reason) => {
    const w = memoryWorld()
    w.put('securityGroups', group('web', [], { deleted: true }))
    const outcome = await reconcileSecurityGroup(group('db', ['web'], more), w.deps, w.run)
    expect(outcome).toMatchObject(reason === undefined ? { kind: 'done' } : { kind: 'wait', reason })
  })
})

describe('a rule in force stays while what it names is being deleted', () => {
  type Rule = NonNullable<SecurityGroup['spec']['rules']>[number]
  const remotes = (w: ReturnType<typeof memoryWorld>) =>
    w.network.rows
      .of('SecurityGroup')
      .get('uid-db')
      ?.rules.flatMap(({ remoteGroupUid, remoteAddressGroupUid }) => remoteGroupUid ?? remoteAddressGroupUid ?? [])
  const addresses = (more: object = {}) => stored<AddressGroup>('office', { addresses: ['10.0.0.0/8'] }, more)
  const rules: Rule[] = [
    { direction: 'ingress', remoteGroupRef: { name: 'web' } },
    { direction: 'ingress', protocol: 'tcp', remoteGroupRef: { name: 'web' } },
    { direction: 'ingress', remoteAddressGroupRef: { name: 'office' } },
  ]
  const unresolved: Rule = { direction: 'ingress', remoteGroupRef: { name: 'missing' } }
  async function inForce(...more: Rule[]) {
    const w = memoryWorld()
    w.put('securityGroups', group('web'))
    w.put('addressGroups', addresses())
    const db = stored<SecurityGroup>('db', { rules: [...rules, ...more], denyEgress: true })
    await reconcileSecurityGroup(db, w.deps, w.run)
    w.put('securityGroups', group('web', [], { deleted: true }))
    w.put('addressGroups', addresses({ deleted: true }))
    return { w, db }
  }

  test('and something else of the group is edited', async () => {
    const { w, db } = await inForce()
    expect(db.status?.remoteUIDs).toEqual(['uid-web', 'uid-office'])
    db.metadata.generation = 2
    db.spec.description = 'words'
    expect(await reconcileSecurityGroup(db, w.deps, w.run)).toEqual({ kind: 'done' })
    expect(remotes(w)).toEqual(['uid-web', 'uid-web', 'uid-office'])
  })
  test('and another rule of the group names what does not exist', async () => {
    const { w, db } = await inForce(unresolved)
    expect(await reconcileSecurityGroup(db, w.deps, w.run)).toMatchObject({ reason: 'SecurityGroupNotFound' })
    expect(remotes(w)).toEqual(['uid-web', 'uid-web', 'uid-office'])
  })
  test('until it is taken out: it cannot be written again', async () => {
    const { w, db } = await inForce()
    db.spec.rules = []
    await reconcileSecurityGroup(db, w.deps, w.run)
    expect([remotes(w), db.status?.remoteUIDs]).toEqual([[], undefined])
    db.spec.rules = rules
    expect(await reconcileSecurityGroup(db, w.deps, w.run)).toMatchObject({ kind: 'wait' })
    expect(remotes(w)).toEqual([])
  })
  test('but not another of the same name that is being deleted', async () => {
    const { w, db } = await inForce()
    const other = group('web', [], { deleted: true })
    other.metadata.uid = 'uid-other'
    w.put('securityGroups', other)
    expect(await reconcileSecurityGroup(db, w.deps, w.run)).toMatchObject({ reason: 'SecurityGroupDeleting' })
    expect(remotes(w)).toEqual(['uid-office'])
  })
})

describe('a group of another namespace', () => {
  const remoteGroupRef = { namespace: 'infra', name: 'web' }
  const db = (more: object = {}) =>
    stored<SecurityGroup>('db', { denyEgress: true, rules: [{ direction: 'ingress', remoteGroupRef }] }, more)
  const web = (sharedWith: { namespace: string }[], more: object = {}) =>
    stored<SecurityGroup>('web', { sharedWith }, { namespace: 'infra', ...more })

  test('that is shared lets its members in, and from then on no more when it is withdrawn', async () => {
    const w = memoryWorld()
    w.put('securityGroups', web([{ namespace: 'ns' }]))
    expect(await reconcileSecurityGroup(db(), w.deps, w.run)).toEqual({ kind: 'done' })
    expect(w.network.rows.of('SecurityGroup').get('uid-db')?.rules).toMatchObject([{ remoteGroupUid: 'uid-web' }])
    w.put('securityGroups', web([]))
    expect(await reconcileSecurityGroup(db({ status: ready(1) }), w.deps, w.run)).toMatchObject({
      kind: 'wait',
      reason: 'SecurityGroupNotFound',
      message: expect.stringContaining('is not shared with namespace ns'),
    })
    expect(w.network.rows.of('SecurityGroup').get('uid-db')?.rules).toEqual([])
  })
  test.each([
    ['is held by it', [{ namespace: 'ns' }], 'SecurityGroup ns/db'],
    ['is held by nobody that it is not shared with', [{ namespace: 'third' }], undefined],
  ])('%s', async (_, sharedWith, user) => {
    const w = memoryWorld()
    w.put('securityGroups', db(inForce))
    const outcome = await reconcileSecurityGroup(web(sharedWith, { deleted: true }), w.deps, w.run)
    if (user === undefined) expect(outcome).toEqual({ kind: 'released' })
    else expect(outcome).toMatchObject({ reason: 'InUse', message: expect.stringContaining(user) })
  })
})

describe('what may be sent', () => {
  const inward = { direction: 'ingress' } as const
  const outward = { direction: 'egress', protocol: 'tcp' } as const
  test.each<[string, SecurityGroup['spec'], string[]]>([
    ['no rules: everything', {}, ['any IPv4', 'any IPv6']],
    ['an empty list: everything', { rules: [] }, ['any IPv4', 'any IPv6']],
    ['ingress rules alone: everything', { rules: [inward] }, ['any IPv4', 'any IPv6']],
    ['denyEgress: false says nothing new', { rules: [inward], denyEgress: false }, ['any IPv4', 'any IPv6']],
    ['an egress rule: what it says', { rules: [inward, outward] }, ['tcp IPv4']],
    ['denyEgress: nothing', { rules: [inward], denyEgress: true }, []],
    ['denyEgress beside a rule: what that says', { rules: [outward], denyEgress: true }, ['tcp IPv4']],
    [
      'an egress rule whose group is missing: nothing',
      { rules: [{ direction: 'egress', remoteGroupRef: { name: 'gone' } }] },
      [],
    ],
  ])('%s', async (_, spec, out) => {
    const w = memoryWorld()
    await reconcileSecurityGroup(stored<SecurityGroup>('web', spec), w.deps, w.run)
    const rules = w.network.rows.of('SecurityGroup').get('uid-web')?.rules ?? []
    const egress = rules.filter(({ direction }) => direction === 'egress')
    expect(egress.map(({ protocol, etherType }) => `${protocol} ${etherType}`)).toEqual(out)
  })
})

describe('delete', () => {
  test('while it has members its rules are kept, and written again where they were lost', async () => {
    const w = memoryWorld()
    w.put('ports', port('web'))
    const web = group('web', ['web'], { deleted: true })
    w.put('securityGroups', web)
    expect(await reconcileSecurityGroup(web, w.deps, w.run)).toMatchObject({ reason: 'InUse' })
    expect(web.status?.state).toBe('DELETING')
    // Its own members among them: that it goes is no reason to shut them out.
    expect(w.network.rows.of('SecurityGroup').get('uid-web')?.rules).toContainEqual(
      expect.objectContaining({ direction: 'ingress', remoteGroupUid: 'uid-web' }),
    )
  })
  test.each([
    ['members', [], [port('web')], 'Port ns/p'],
    ['a rule of another group', [group('db', ['web'], inForce)], [], 'SecurityGroup ns/db'],
    ['a rule that was never in force', [group('db', ['web'], { status: { remoteUIDs: [] } })], [], undefined],
    ['a rule of its own', [group('web', ['web'], { deleted: true })], [], undefined],
    ['a rule of a group that goes too', [group('db', ['web'], { deleted: true })], [], undefined],
    ['a rule of another namespace’s group', [group('db', ['web'], { namespace: 'other', ...inForce })], [], undefined],
  ])('%s', async (_, groups, ports, user) => {
    const w = memoryWorld()
    const web = group('web', ['web'])
    await reconcileSecurityGroup(w.put('securityGroups', web), w.deps, w.run)
    for (const other of groups) w.put('securityGroups', other)
    for (const p of ports) w.put('ports', p)
    const outcome = await reconcileSecurityGroup(group('web', ['web'], { deleted: true }), w.deps, w.run)
    if (user === undefined) expect(outcome).toEqual({ kind: 'released' })
    else expect(outcome).toMatchObject({ reason: 'InUse', message: expect.stringContaining(user) })
    expect(w.network.rows.of('SecurityGroup').has('uid-web')).toBe(user !== undefined)
  })
  test('in use: its rows come back whole after the backend lost them, with rules of groups that go too', async () => {
    const w = memoryWorld()
    w.put('ports', port('web'))
    w.put('securityGroups', group('db', [], { deleted: true }))
    await reconcileSecurityGroup(group('web', ['db'], { deleted: true }), w.deps, w.run)
    expect(w.network.rows.of('SecurityGroup').get('uid-web')?.rules).toContainEqual(
      expect.objectContaining({ direction: 'ingress', remoteGroupUid: 'uid-db' }),
    )
  })
})

describe('a backend that fails is never taken for one that did it', () => {
  const down = new Error('down')
  const fail = () => Promise.reject(down)
  test.each([
    ['create', {}, []],
    ['delete', { deleted: true }, []],
    ['delete while in use', { deleted: true }, [port('web')]],
  ])('%s', async (_, more, ports) => {
    const w = memoryWorld(Object.assign(new MemoryNetwork(), { ensure: fail, remove: fail }))
    for (const p of ports) w.put('ports', p)
    const web = group('web', [], more)
    await expect(reconcileSecurityGroup(web, w.deps, w.run)).rejects.toBe(down)
    expect(web.status?.state).not.toBe('ACTIVE')
  })
})
