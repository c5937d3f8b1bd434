// SPDX-License-Identifier: Apache-2.0
// Which neighbours wake an object: those that it may wait for, and nobody else. Without a clock.
import { describe, expect, test } from '@jest/globals'
import type {
  Cloud,
  ComputeNode,
  Image,
  Instance,
  Network,
  Port,
  Router,
  SecurityGroup,
  Subnet,
  Volume,
} from '../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../testing/memory-deps.ts'
import { wokenBy } from '../testing/woken.ts'
import { computeNodeController } from './compute-node/controller.ts'
import { imageController } from './image/controller.ts'
import { routerController } from './router/controller.ts'
import { securityGroupController } from './security-group/controller.ts'

const cluster = { namespace: '' }
const going = { deleted: true }
const world = (fill: (w: MemoryWorld) => void) => {
  const w = memoryWorld()
  fill(w)
  return w
}

describe('a ComputeNode', () => {
  const node = (name: string, more: object = {}) => stored<ComputeNode>(name, {}, { ...cluster, ...more })
  const w = world((w) => {
    w.put('computeNodes', node('goes', going))
    w.put('computeNodes', node('stays'))
  })
  const woken = wokenBy(w, (deps, informers) => computeNodeController(deps, informers, {}))
  const machine = (status: Instance['status']) =>
    stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }, { status })
  const port = (status: Port['status']) => stored<Port>('p', { networkRef: { name: 'l' } }, { status })
  const volume = (status: Volume['status']) => stored<Volume>('data', { sizeGiB: 1 }, { status })
  test.each([
    ['the Cloud: all', 'clouds', stored<Cloud>('default', {}, cluster), ['goes', 'stays']],
    ['another Cloud: none', 'clouds', stored<Cloud>('spare', {}, cluster), []],
    ['a machine on one that goes', 'instances', machine({ node: 'goes', epoch: 1 }), ['goes']],
    ['a machine on one that stays', 'instances', machine({ node: 'stays', epoch: 1 }), []],
    ['a volume on one that goes', 'volumes', volume({ node: 'goes' }), ['goes']],
    ['a volume on one that stays', 'volumes', volume({ node: 'stays' }), []],
    ['a volume on none', 'volumes', volume({}), []],
    ['a port on one that goes', 'ports', port({ node: 'goes' }), ['goes']],
    ['a port on one that stays', 'ports', port({ node: 'stays' }), []],
    ['a port on none', 'ports', port({}), []],
  ] as const)('is woken by %s', (_, cache, object, keys) => {
    expect(woken(cache, object)).toEqual(keys)
  })
  test('that is no more takes no machines', () => {
    const facts = {
      name: 'n9',
      up: true,
      capacity: { vcpus: 1, memoryMiB: 1, diskGiB: 1 },
      perMachineMiB: 0,
      vhostUser: false,
    }
    w.deps.scheduler.putNode(facts)
    computeNodeController(w.deps, w.stores as never, {}).forget?.('n9', node('n9'))
    expect(w.deps.scheduler.nodes.find('n9')).toBeUndefined()
  })
})

describe('an Image', () => {
  const image = (name: string, status: Image['status'], more: object = {}) =>
    stored<Image>(name, { source: { http: { url: 'http://x/y' } }, format: 'raw' }, { status, ...more })
  const user = (name: string) => stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name } })
  const woken = wokenBy(
    world((w) => {
      w.put('images', image('goes', { importNode: 'n1' }, going))
      w.put('images', image('stays', { importNode: 'n2' }))
      w.put('images', image('waits', {}))
    }),
    imageController,
  )
  test.each([
    ['its user, when it goes', 'instances', user('goes'), ['ns/goes']],
    ['its user, when it stays', 'instances', user('stays'), []],
    [
      'its node; and any node, when it has none',
      'computeNodes',
      stored<ComputeNode>('n1', {}, cluster),
      ['ns/goes', 'ns/waits'],
    ],
  ] as const)('is woken by %s', (_, cache, object, keys) => {
    expect(woken(cache, object)).toEqual(keys)
  })
})

describe('a Router', () => {
  const subnet = (name: string, network: string, more: object = {}) =>
    stored<Subnet>(name, { networkRef: { name: network }, cidr: '10.0.0.0/24' }, more)
  const router = (name: string, subnets: string[]) =>
    stored<Router>(name, { interfaces: subnets.map((of) => ({ subnetRef: { name: of } })) })
  const woken = wokenBy(
    world((w) => {
      w.put('subnets', subnet('a', 'lan'))
      w.put('subnets', subnet('b', 'other'))
      w.put('routers', router('one', ['a']))
      w.put('routers', router('two', ['a', 'b']))
    }),
    routerController,
  )
  test.each([
    ['the Cloud: all', 'clouds', stored<Cloud>('default', {}, cluster), ['ns/one', 'ns/two']],
    ['another Cloud: none', 'clouds', stored<Cloud>('spare', {}, cluster), []],
    ['a subnet that it names', 'subnets', subnet('b', 'other'), ['ns/two']],
    ['the network of one', 'networks', stored<Network>('other', {}), ['ns/two']],
    ['a network of none', 'networks', stored<Network>('third', {}), []],
    ['another on a subnet that it names', 'routers', router('one', ['a']), ['ns/one', 'ns/two']],
    [
      'another that gives up a subnet: its status says so last',
      'routers',
      {
        ...router('one', []),
        status: { interfaces: [{ subnet: 'b', subnetUID: 'uid-b', ipAddress: '10.0.0.1', prefixLength: 24 }] },
      },
      ['ns/two'],
    ],
  ] as const)('is woken by %s', (_, cache, object, keys) => {
    expect(woken(cache, object)).toEqual(keys)
  })
})

describe('a SecurityGroup', () => {
  const group = (name: string, remotes: string[] = [], more: object = {}) =>
    stored<SecurityGroup>(
      name,
      { rules: remotes.map((remote) => ({ direction: 'ingress', remoteGroupRef: { name: remote } })) },
      more,
    )
  const member = (name: string) => stored<Port>('p', { networkRef: { name: 'l' }, securityGroupRefs: [{ name }] })
  const woken = wokenBy(
    world((w) => {
      w.put('securityGroups', group('goes', [], going))
      w.put('securityGroups', group('stays'))
      w.put('securityGroups', group('names', ['goes', 'stays']))
    }),
    securityGroupController,
  )
  test.each([
    ['a member, when it goes', 'ports', member('goes'), ['ns/goes']],
    ['a member, when it stays', 'ports', member('stays'), []],
    ['a group that it names', 'securityGroups', group('stays'), ['ns/names']],
    ['a group that names it, when it goes', 'securityGroups', group('names', ['goes', 'stays']), ['ns/goes']],
  ] as const)('is woken by %s', (_, cache, object, keys) => {
    expect(woken(cache, object)).toEqual(keys)
  })
})
