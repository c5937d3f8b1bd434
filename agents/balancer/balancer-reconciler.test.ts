// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '../../lib/log.ts'
import type { ServicePorts } from '../network/service-ports.ts'
import type { BalancerDaemons } from './balancer-daemons.ts'
import { BalancerReconciler } from './balancer-reconciler.ts'

let runDir: string
beforeEach(async () => void (runDir = await mkdtemp(join(tmpdir(), 'balancers-'))))
afterEach(() => rm(runDir, { recursive: true }))

const reconciler = (listed: readonly string[], ready?: () => Promise<void>) =>
  new BalancerReconciler({
    ...{ runDir, log: createLogger('test', 'silent'), daemons: {} as unknown as BalancerDaemons },
    sealing: { open: () => Promise.reject(new Error('nothing is sealed')) },
    ports: { list: () => Promise.resolve([...listed]) } as unknown as ServicePorts,
    ...(ready ? { ready } : {}),
  })
const owned = async (one: BalancerReconciler) =>
  (await one.listOwned(AbortSignal.timeout(1000))).map(({ kind, uid, what }) => [kind, uid, what])

test('what a node has of balancers: ports, namespaces and folders of programs, each once', async () => {
  expect(await owned(reconciler([]))).toEqual([])
  for (const name of ['b', 'c', 'Not.A-Uid']) await mkdir(join(runDir, 'balancers', name), { recursive: true })
  expect(await owned(reconciler(['a', 'b']))).toEqual(
    ['a', 'b', 'c'].map((uid) => ['balancer', uid, `namespace nephsvc-${uid}`]),
  )
})

test('while the switch does not say what is plugged, nobody knows', async () => {
  await expect(owned(reconciler([], () => Promise.reject(new Error('no answer'))))).rejects.toThrow('no answer')
})
