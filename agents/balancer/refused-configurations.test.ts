// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { BalancerDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { createTestCertificate } from '../../lib/pki/testing/certificate.ts'
import type { BalancerDaemons, BalancerPlace } from './balancer-daemons.ts'
import { BalancerReconciler, type BalancerReconcilerOptions } from './balancer-reconciler.ts'

let runDir: string
beforeEach(async () => {
  runDir = await mkdtemp(join(tmpdir(), 'balancers-'))
})
afterEach(() => rm(runDir, { recursive: true, force: true }))

test('documents that HAProxy refuses, each with a renewed certificate, leave the keys of two of them', async () => {
  let key = ''
  let isRefused = false
  const daemons = {
    ensure: async (_: unknown, { folder, certificates }: BalancerPlace) => {
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'haproxy.cfg'), [...certificates.values()].map((file) => ` crt ${file}`).join('\n'))
      if (isRefused) throw new Error('refused')
    },
    look: () => Promise.resolve(undefined),
    findPid: () => Promise.resolve(undefined),
  } as unknown as BalancerDaemons
  const settling = { isSettled: false, end: () => Promise.resolve() }
  const ports = {
    ensure: () => Promise.resolve({ namespaceFile: '/n', installed: true }),
    settle: () => Promise.resolve(settling),
  }
  const reconciler = new BalancerReconciler({
    ...{ runDir, daemons, sealing: { open: () => Promise.resolve(key) } },
    ports: ports as unknown as BalancerReconcilerOptions['ports'],
    log: createLogger('test', 'silent'),
  })
  const renew = async () => {
    const made = await createTestCertificate({ names: ['shop.example.com'] })
    key = made.key
    const spec = {
      port: {},
      sharedAddress: '10.0.0.13',
      certificates: [{ name: 'shop', chain: made.certificate, sealedKey: '' }],
    }
    return reconciler.reconcile({ uid: 'u', spec } as unknown as BalancerDocument, {} as never)
  }
  const present = async () => (await readdir(join(runDir, 'balancers', 'u', 'tls'))).map((file) => basename(file))
  await renew()
  const loaded = await present()
  expect(loaded).toHaveLength(1)
  isRefused = true
  await expect(renew()).rejects.toThrow('refused')
  // What HAProxy had loaded until then is there while it is told of another.
  expect(await present()).toEqual(expect.arrayContaining(loaded))
  for (let n = 0; n < 4; n++) await expect(renew()).rejects.toThrow('refused')
  expect(await present()).toHaveLength(2)
})
