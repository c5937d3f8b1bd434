// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { rm } from 'node:fs/promises'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { createLogger } from '../../lib/log.ts'
import type { NodeSpec } from '../../lib/contract/documents.ts'
import { AgentMetrics } from '../metrics/agent-metrics.ts'
import type { AgentRole, RoleContext } from '../node/role.ts'
import { LibvirtInstanceDriver } from '../compute/drivers/libvirt/libvirt-instance-driver.ts'
import { createComputeRole } from './compute-role.ts'
import { instanceDocument, runContext } from '../compute/testing.ts'

const signal = new AbortController().signal
let changes: number
let role: AgentRole
let context: RoleContext
let dir: string
afterEach(() => rm(dir, { recursive: true, force: true }))
const compute = (kind?: 'fake' | 'libvirt' | 'kubevirt'): NodeSpec => ({
  roles: { ...(kind ? { compute: kind } : {}) },
})
const configure = (spec: NodeSpec) => role.configure!(spec, signal)

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-role-')
  changes = 0
  const files = { keyFile: '/k', certificateFile: '/c', authorityFile: '/a' }
  context = {
    ...{ node: 'n1', bootId: 'b', stateDir: dir, runDir: dir, address: '192.0.2.1', encapAddress: '' },
    ...{
      identity: files,
      nbd: { client: files, server: files },
      hostSwitch: {},
      sealing: { open: async () => '' },
      say: () => undefined,
      listen: () => undefined,
      log: createLogger('test', 'silent'),
      metrics: new AgentMetrics('test'),
    },
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
    { dedicatedCpus: [], hypervisor: expect.objectContaining({ type: 'fake', acceleration: 'qemu' }) },
    1,
  ])
  // The same again, and none any longer, change nothing.
  await configure(compute('fake'))
  await configure(compute())
  expect(changes).toBe(1)
  await role.stop!()
})

test('says which CPUs machines get for themselves, of those that the host has, as soon as its document does', async () => {
  const [source] = role.inventory!
  await configure({ ...compute('fake'), dedicatedCpus: '0,9000' })
  expect([(await source!.collect(signal)).dedicatedCpus, changes]).toEqual([[0], 2])
  await configure({ ...compute('fake'), dedicatedCpus: '0,9000' })
  expect(changes).toBe(2)
  await configure(compute('fake'))
  expect([(await source!.collect(signal)).dedicatedCpus, changes]).toEqual([[], 3])
  await role.stop!()
})

test('does not change its driver under the machines that run, and has none for KubeVirt', async () => {
  await expect(configure(compute('kubevirt'))).rejects.toThrow('no driver for KubeVirt')
  await configure(compute('fake'))
  await expect(configure(compute('libvirt'))).rejects.toThrow('changes from fake to libvirt')
  await role.stop!()
})

test('a machine of a driver that runs nothing needs no room; the end closes what libvirt is reached by', async () => {
  await configure(compute('fake'))
  const [reconciler] = role.reconcilers
  const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1 }
  const huge = instanceDocument({ memoryMiB: 2 ** 40, runState: 'Suspended' })
  expect((await reconciler!.reconcile(huge, runContext({ image }))).state).toBe('stopped')

  let closed = 0
  const close = jest.spyOn(LibvirtInstanceDriver.prototype, 'close').mockImplementation(() => {
    closed++
  })
  role = createComputeRole(context)
  await role.stop!()
  expect(closed).toBe(0)
  await configure(compute('libvirt'))
  await role.stop!()
  close.mockRestore()
  expect(closed).toBe(1)
})

test.each([
  ['what its document says', { cpus: 0, memoryMiB: 77, diskGiB: 0 }, '77 MiB are kept'],
  ['the usual, where that says nothing', undefined, '1024 MiB are kept'],
])(
  'a machine of a node that runs some needs room beside what is kept for the host: %s',
  async (_, reserved, message) => {
    const { prototype } = LibvirtInstanceDriver
    const facts = { type: 'QEMU', version: '1', acceleration: 'kvm' as const }
    const spies = [
      jest.spyOn(prototype, 'find').mockResolvedValue(undefined),
      jest.spyOn(prototype, 'probe').mockResolvedValue(facts),
    ]
    try {
      // What was kept before is kept no longer.
      await configure({ ...compute('libvirt'), reserved: { cpus: 0, memoryMiB: 5, diskGiB: 0 } })
      await configure({ ...compute('libvirt'), ...(reserved ? { reserved } : {}) })
      const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 1 }
      const huge = instanceDocument({ memoryMiB: 2 ** 40 })
      await expect(role.reconcilers[0]!.reconcile(huge, runContext({ image }))).rejects.toMatchObject({
        reason: 'InsufficientResources',
        message: expect.stringContaining(message),
      })
    } finally {
      for (const spy of spies) spy.mockRestore()
      await role.stop!()
    }
  },
)

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
