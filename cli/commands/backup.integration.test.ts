// SPDX-License-Identifier: Apache-2.0
// A backup of a real apiserver that is written to meanwhile, unpacked by tar.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { FLAVOR, INSTANCE, KEY_PAIR, NAMESPACE, SECRET, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { exec } from '../../lib/exec.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { readsOf } from '../../lib/kube/client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import type { Context } from '../command-line/command.ts'
import { backup } from './backup.ts'

const FLAVORS = 260
let plane: ControlPlane
let client: HttpKubeClient
let folder: string
let said: string[]
beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: false })
  await plane.kubectl(['apply', '-f', join(import.meta.dirname, '..', '..', 'crds')], { timeoutMs: 60_000 })
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/part-of=nephele'])
  client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  for (const name of ['team', 'other']) await client.create(NAMESPACE, { metadata: { name } })
  const spec = { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 }
  for (let n = 0; n < FLAVORS; n++) await client.create(FLAVOR, { metadata: { name: `f-${n}` }, spec })
  await createSecret('told')
  await createSecret('other')
}, 120_000)
afterAll(async () => {
  await client.close()
  await plane.stop()
}, 60_000)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nephele-backup-test-'))
  said = []
})
afterEach(() => rmSync(folder, { recursive: true }))

async function createSecret(name: string): Promise<void> {
  const data = { userData: Buffer.from(`canary-${name}`).toString('base64') }
  await client.create<KubeObject & { data: object }>(SECRET, { metadata: { namespace: 'team', name }, data })
}

const context = (over: Partial<Context['client']> = {}): Context => ({
  ...{ client: { ...readsOf(client), ...over } as Context['client'], kubectl: async () => '' },
  ...{ namespace: 'default', isEverywhere: false, output: 'table', waits: true, timeoutMs: 1000, isHard: false },
  ...{
    isForced: false,
    isWeb: false,
    snapshot: {},
    restore: { isDryRun: false, lostNodes: [] },
    readHidden: async () => [],
    now: new Date('2026-01-02T03:04:05.678Z'),
  },
  ...{ signal: AbortSignal.timeout(60_000), progress: () => undefined, print: (line) => void said.push(line) },
})

async function unpack(archive: string): Promise<Map<string, string>> {
  const to = mkdtempSync(join(folder, 'unpacked-'))
  await exec(['tar', '--extract', '--file', archive, '--directory', to], { timeoutMs: 10_000 })
  const files = readdirSync(to, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path.slice(to.length + 1), readFileSync(path, 'utf8')]
    }),
  )
}

test('all is of one moment, with status and UID, and with the Secrets that are named and no other', async () => {
  const vm = await client.create<Instance>(INSTANCE, {
    metadata: { namespace: 'team', name: 'vm' },
    spec: { flavorRef: { name: 'f-1' }, imageRef: { name: 'i' }, userDataSecretRef: { name: 'told' } },
  })
  await client.updateStatus<Instance>(INSTANCE, { ...vm, status: { node: 'c1', epoch: 3 } })
  await client.create(KEY_PAIR, {
    metadata: { namespace: 'team', name: 'goes' },
    spec: { publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA someone' },
  })
  await client.create(INSTANCE, {
    metadata: { namespace: 'team', name: 'unkept' },
    spec: { flavorRef: { name: 'f-1' }, imageRef: { name: 'i' }, userDataSecretRef: { name: 'typo' } },
  })
  let pages = 0
  const archive = join(folder, 'b.tar.gz')
  const code = await backup.run(
    context({
      listPage: async (kind, options) => {
        if (kind.plural === 'flavors') pages++
        const page = await client.listPage(kind, options)
        // After the version was read: none of this is in the backup.
        if (kind.plural === 'namespaces' && options?.limit === 1) {
          await client.remove(KEY_PAIR, { namespace: 'team', name: 'goes' })
          await client.create(VOLUME_TYPE, { metadata: { name: 'late' }, spec: { storagePoolRef: { name: 'p' } } })
        }
        return page as never
      },
    }),
    [archive],
    [],
  )
  expect(code).toBe(0)
  expect(pages).toBe(2)
  expect(statSync(archive).mode & 0o777).toBe(0o600)
  const files = await unpack(archive)
  expect(files.get('metadata/version')).toBe('1.1.0')
  expect([...files.keys()].filter((path) => path.startsWith('resources/flavors.nephele.dev/cluster/'))).toHaveLength(
    FLAVORS,
  )
  expect([...files.keys()].filter((path) => !path.includes('/flavors.')).toSorted()).toEqual([
    'metadata/version',
    'resources/instances.nephele.dev/namespaces/team/unkept.json',
    'resources/instances.nephele.dev/namespaces/team/vm.json',
    'resources/keypairs.nephele.dev/namespaces/team/goes.json',
    'resources/namespaces/cluster/team.json',
    'resources/secrets/namespaces/team/told.json',
  ])
  const kept = JSON.parse(files.get('resources/instances.nephele.dev/namespaces/team/vm.json') ?? '') as KubeObject
  expect(kept).toMatchObject({ apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', status: { node: 'c1', epoch: 3 } })
  expect(kept.metadata.uid).toBe(vm.metadata.uid)
  expect([...files.values()].join('')).not.toContain(Buffer.from('canary-other').toString('base64'))
  expect(said).toEqual([
    archive,
    expect.stringMatching(/^264 objects, of version \d+ of the store$/),
    'Secrets in it: 1; whoever reads the archive has them',
    'there is no Secret team/typo, which is named',
  ])
}, 60_000)

test('what may not be read, or a file that is there: nothing is left', async () => {
  const own = () => readdirSync(tmpdir()).filter((name) => /^nephele-backup-(?!test)/.test(name)).length
  const before = own()
  const archive = join(folder, 'b.tar.gz')
  const refuse = async () => Promise.reject(new Error('secrets is forbidden'))
  await expect(backup.run(context({ get: refuse }), [archive], [])).rejects.toThrow('forbidden')
  expect(readdirSync(folder)).toEqual([])
  expect(own()).toBe(before)
  writeFileSync(archive, 'mine')
  await expect(backup.run(context(), [archive], [])).rejects.toThrow('is there already')
  expect(readFileSync(archive, 'utf8')).toBe('mine')
})
