// SPDX-License-Identifier: Apache-2.0
// With kind and Docker: a cluster (kind.yaml), this checkout's images in it, and the chart. `node scripts/run.mjs e2e/kind.ts`.
// The reference machine has no Docker: this path is written after kind's documentation and was not run there.
// https://kind.sigs.k8s.io/docs/user/quick-start/#loading-an-image-into-your-cluster
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec } from '../lib/exec.ts'
import { REPOSITORY } from '../local/cloud/layout.ts'
import { installIntoCluster } from '../local/commands/install.ts'
import { findProgram } from '../local/host/prerequisites.ts'
import { createProgress } from '../local/host/progress.ts'
import { buildProcesses } from '../scripts/build.ts'

const CLUSTER = 'nephele'
const TARGETS = ['operator', 'agent', 'ovn-central'] as const
const MINUTE_MS = 60_000

const missing = ['kind', 'docker'].filter((program) => findProgram(program) === undefined)
if (missing.length > 0) {
  console.error(
    `not on this machine: ${missing.join(', ')} (https://kind.sigs.k8s.io/docs/user/quick-start/#installation)`,
  )
  process.exit(1)
}
const progress = createProgress()
const { version } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
const kubeconfig = join(await mkdtemp(join(tmpdir(), 'nephele-kind-')), 'kubeconfig')

await progress.step('kind create cluster', async () => {
  const { stdout } = await exec(['kind', 'get', 'clusters'], { timeoutMs: MINUTE_MS })
  if (stdout.split('\n').includes(CLUSTER)) return
  const config = join(REPOSITORY, 'e2e', 'kind.yaml')
  await exec(['kind', 'create', 'cluster', '--config', config, '--wait', '120s'], { timeoutMs: 10 * MINUTE_MS })
})
await exec(['kind', 'export', 'kubeconfig', '--name', CLUSTER, '--kubeconfig', kubeconfig], { timeoutMs: MINUTE_MS })
await progress.step('bundles of this checkout', () => buildProcesses(['operator', 'agent', 'bootstrap']))
for (const target of TARGETS) {
  const image = `ghcr.io/nephele/${target}:${version}`
  await progress.step(`docker build ${target}`, () =>
    exec(['docker', 'build', '--target', target, '--tag', image, REPOSITORY], { timeoutMs: 15 * MINUTE_MS }),
  )
  await progress.step(`kind load ${target}`, () =>
    exec(['kind', 'load', 'docker-image', image, '--name', CLUSTER], { timeoutMs: 5 * MINUTE_MS }),
  )
}
await installIntoCluster({ kubeconfig }, progress, (line) => console.log(line))
