// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { isRunning } from '../host/process.ts'
import { startControlPlane, type ControlPlane } from './start.ts'

describe('a control plane of one test', () => {
  let plane: ControlPlane
  beforeAll(async () => {
    plane = await startControlPlane()
  }, 60_000)
  afterAll(() => plane.stop())

  test('answers its administrator and knows its version', async () => {
    expect(JSON.parse(await plane.kubectl(['version', '-o', 'json']))).toMatchObject({
      serverVersion: { gitVersion: expect.stringMatching(/^v1\.\d+\.\d+$/) },
    })
  }, 60_000)

  test('a service account may do nothing until RBAC says so', async () => {
    await plane.kubectl(['create', 'namespace', 'one'])
    await plane.kubectl(['-n', 'one', 'create', 'serviceaccount', 'someone'])
    expect((await plane.token('one', 'someone')).split('.')).toHaveLength(3)
    const as = ['-n', 'one', '--as', 'system:serviceaccount:one:someone']
    const asked = plane.kubectl(['auth', 'can-i', 'list', 'secrets', ...as])
    await expect(asked).rejects.toThrow()
  }, 60_000)

  test('objects outlive a restart of etcd and apiserver', async () => {
    await plane.kubectl(['create', 'configmap', 'kept', '--from-literal=a=b'])
    const before = plane.processes.apiserver?.pid
    await plane.restart('etcd')
    await plane.restart('apiserver')
    expect(plane.processes.apiserver?.pid).not.toBe(before)
    expect(await plane.kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'])).toBe('b')
  }, 60_000)

  test('a namespace can be deleted: the controller-manager works', async () => {
    await plane.kubectl(['create', 'namespace', 'short-lived'])
    // It asks the apiserver, which has just started again, with growing pauses.
    await plane.kubectl(['delete', 'namespace', 'short-lived', '--timeout=100s'], { timeoutMs: 110_000 })
  }, 120_000)

  test('stop leaves nothing', async () => {
    const other = await startControlPlane({ controllerManager: false })
    await other.stop()
    expect(existsSync(other.dir)).toBe(false)
    expect(Object.values(other.processes).filter((p) => isRunning(p))).toEqual([])
  }, 60_000)
})
