// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from '@jest/globals'
import { createLogger } from '../../lib/log.ts'
import type { NodeSpec } from '../../lib/contract/documents.ts'
import type { AgentRole, RoleContext } from '../node/role.ts'
import { createComputeRole } from './role.ts'
import { instanceDocument, runContext } from './testing.ts'

const signal = new AbortController().signal
let changes: number
let role: AgentRole
const compute = (kind?: 'fake' | 'libvirt' | 'kubevirt'): NodeSpec => ({
  roles: { ...(kind ? { compute: kind } : {}) },
})
const configure = (spec: NodeSpec) => role.configure!(spec, signal)

beforeEach(() => {
  changes = 0
  const files = { keyFile: '/k', certificateFile: '/c', authorityFile: '/a' }
  const context: RoleContext = {
    ...{ node: 'n1', bootId: 'b', stateDir: '/nowhere', runDir: '/nowhere', address: '192.0.2.1', encapAddress: '' },
    ...{ identity: files, nbd: { client: files, server: files }, hostSwitch: {}, log: createLogger('test', 'silent') },
    inventoryChanged: () => {
      changes++
    },
  }
  role = createComputeRole(context)
})

test('has no hypervisor until the node’s document names one, and says so then', async () => {
  const [source] = role.inventory!
  await configure(compute())
  expect([await source!.collect(signal), changes]).toEqual([{}, 0])
  await configure(compute('fake'))
  expect([await source!.collect(signal), changes]).toEqual([
    { hypervisor: expect.objectContaining({ type: 'fake', acceleration: 'qemu' }) },
    1,
  ])
  // The same again, and none any longer, change nothing.
  await configure(compute('fake'))
  await configure(compute())
  expect(changes).toBe(1)
  await role.stop!()
})

test('does not change its driver under the machines that run, and has none for KubeVirt', async () => {
  await expect(configure(compute('kubevirt'))).rejects.toThrow('no driver for KubeVirt')
  await configure(compute('fake'))
  await expect(configure(compute('libvirt'))).rejects.toThrow('changes from fake to libvirt')
  await role.stop!()
})

test('machines are watched as soon as there is a driver', async () => {
  const [reconciler] = role.reconcilers
  const woken: string[] = []
  const stop = new AbortController()
  await reconciler!.start!({ one: (uid) => woken.push(uid), all: () => woken.push('all') }, stop.signal)
  expect(woken).toEqual([])
  await expect(reconciler!.reconcile(instanceDocument(), runContext({}))).rejects.toMatchObject({
    reason: 'RoleNotReady',
  })
  await configure(compute('fake'))
  await new Promise((resolve) => setImmediate(resolve))
  expect(woken).toEqual(['all'])
  stop.abort()
})
