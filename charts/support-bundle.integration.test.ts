// SPDX-License-Identifier: Apache-2.0
// The Job's program with the rights that the chart gives its account, against a real apiserver.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { exec } from '../lib/exec.ts'
import { until } from '../lib/time/until.ts'
import { NODE_PROGRAM, REPOSITORY } from '../local/cloud/layout.ts'
import { startControlPlane, type ControlPlane } from '../local/control-plane/start.ts'
import { renderChart } from './suite/render.ts'

const NAMESPACE = 'nephele-system'
const ACCOUNT = 'nephele-support-bundle'
let plane: ControlPlane
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nephele-bundle-job-'))
  plane = await startControlPlane({ controllerManager: false })
  await plane.kubectl(['apply', '-f', join(REPOSITORY, 'crds')], { timeoutMs: 60_000 })
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '-l', 'app.kubernetes.io/part-of=nephele'])
  await plane.kubectl(['create', 'namespace', NAMESPACE])
  const rendered = await renderChart()
  const own = rendered.filter(({ kind, metadata }) => metadata.name === ACCOUNT && kind !== 'CronJob')
  expect(own.map(({ kind }) => kind).sort()).toEqual([
    ...['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding', 'ServiceAccount'],
  ])
  const input = own.map((manifest) => stringify(manifest)).join('---\n')
  await plane.kubectl(['apply', '-n', NAMESPACE, '-f', '-'], { input })
  const flavor = { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 }
  const objects = [
    { apiVersion: 'nephele.dev/v1alpha1', kind: 'Flavor', metadata: { name: 'small' }, spec: flavor },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden', namespace: NAMESPACE }, stringData: { key: 'canary' } },
  ]
  await plane.kubectl(['apply', '-f', '-'], { input: objects.map((one) => stringify(one)).join('---\n') })
}, 180_000)
afterAll(async () => {
  await plane.stop()
  rmSync(folder, { recursive: true })
}, 60_000)

async function writeKubeconfig(): Promise<string> {
  const path = join(folder, 'kubeconfig')
  const cluster = {
    server: plane.server,
    'certificate-authority-data': Buffer.from(plane.certificateAuthority).toString('base64'),
  }
  const token = await plane.token(NAMESPACE, ACCOUNT)
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

test('it makes a bundle, says how it is fetched, and waits', async () => {
  const env = { ...process.env, NODE_OPTIONS: '', KUBECONFIG: await writeKubeconfig(), NEPHELE_BUNDLE_DIR: folder }
  const job = spawn(NODE_PROGRAM, [join(REPOSITORY, 'cli/support-bundle/job.ts')], { env })
  let said = ''
  for (const output of [job.stdout, job.stderr]) output.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise((resolve) => job.once('exit', resolve))
  await until(
    async () => said.includes('and then:') || job.exitCode !== null,
    () => said,
    60_000,
  )
  const [, archive = ''] = /kubectl cp -n NAMESPACE POD:(\S+)/.exec(said) ?? []
  expect(archive).toMatch(new RegExp(`^${folder}/nephele-support-\\d{8}T\\d{6}Z\\.tar\\.gz$`))
  // No pod runs here, and what would be asked in pods is not: nothing else is missing.
  expect([...said.matchAll(/^not read: ([^:]*)/gm)].map(([, what]) => what).sort()).toEqual(['installation', 'ovn/ and nodes/'])
  expect(job.exitCode).toBeNull()
  job.kill('SIGTERM')
  expect(await ended).toBe(0)
  const to = mkdtempSync(join(folder, 'unpacked-'))
  await exec(['tar', '--extract', '--file', archive, '--directory', to], { timeoutMs: 10_000 })
  const files = readdirSync(to, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8')).join('\n')
  expect(texts).toContain('kind: Flavor')
  expect(texts).not.toContain('canary')
}, 120_000)

test.each([
  ['list', 'secrets', '', false],
  ['get', 'secrets', '', false],
  ['list', 'configmaps', '', false],
  ['create', 'pods', 'exec', false],
  ['get', 'pods', 'log', true],
  ['list', 'instances.nephele.dev', '', true],
  ['update', 'instances.nephele.dev', '', false],
])('its account may %s %s %s: %s', async (verb, what, subresource, may) => {
  const as = `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`
  const argv = ['auth', 'can-i', verb, what, `--subresource=${subresource}`, '-n', NAMESPACE, '--as', as]
  // Where it may not, kubectl fails.
  const answer = plane.kubectl(argv).then(
    (said) => said.trim() === 'yes',
    () => false,
  )
  expect(await answer).toBe(may)
})
