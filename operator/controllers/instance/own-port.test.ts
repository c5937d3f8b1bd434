// SPDX-License-Identifier: Apache-2.0
// A user's Port that two machines name: one has it, and no node hears otherwise.
import { expect, test } from '@jest/globals'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { machine, machineWorld, parts, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileNetwork } from '../network/reconcile.ts'
import { reconcilePort } from '../port/reconcile.ts'
import { reconcileSecurityGroup } from '../security-group/reconcile.ts'
import { reconcileSubnet } from '../subnet/reconcile.ts'

const using = (name: string): Instance => {
  const instance = machine({ networks: [{ portRef: { name: 'p' } }] })
  return { ...instance, metadata: { ...instance.metadata, name, uid: `uid-${name}` } }
}

async function worldWithPort(): Promise<{ w: MemoryWorld; port: Port }> {
  const w = machineWorld()
  const [network, subnet, group] = [parts.network(), parts.subnet(), parts.group()]
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
  await reconcileSecurityGroup(group, w.deps, w.run)
  w.put('securityGroups', group)
  const port = stored<Port>('p', { networkRef: { name: 'lan' }, macAddress: 'fa:16:3e:00:00:01' })
  await reconcilePort(port, w.deps, w.run)
  w.put('ports', port)
  return { w, port }
}

const portsOf = (w: MemoryWorld): Record<string, string[]> =>
  Object.fromEntries(
    [...w.bus.desired.documents.values()].flatMap((document) =>
      document.kind === 'instance' && !document.tombstone
        ? [[document.name, document.spec.ports.map(({ name }) => name)]]
        : [],
    ),
  )

test('is told to a node only once it is given to a machine, and to that one alone', async () => {
  const { w, port } = await worldWithPort()
  const [x, y] = [using('x'), using('y')]
  // Both are placed before the port is looked at again.
  for (const one of [x, y]) expect(await step(w, one)).toEqual({ kind: 'saved' })
  for (const one of [x, y]) {
    w.put('instances', one)
    expect(await step(w, one)).toMatchObject({ kind: 'wait', reason: 'PortNotReady' })
  }
  expect(portsOf(w)).toEqual({})
  while ((await reconcilePort(port, w.deps, w.run)).kind === 'saved') w.put('ports', port)
  w.put('ports', port)
  const holder = port.status?.instance?.name ?? ''
  const [has, lacks] = holder === 'x' ? [x, y] : [y, x]
  await step(w, has)
  expect(await step(w, lacks)).toMatchObject({ kind: 'wait', reason: 'PortInUse' })
  expect(portsOf(w)).toEqual({ [holder]: ['p'] })
})
