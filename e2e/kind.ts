// SPDX-License-Identifier: Apache-2.0
// With kind and Docker, podman or nerdctl: a cluster (kind.yaml), this checkout's images in it, and the chart.
// `node scripts/run.mjs e2e/kind.ts`. What of it was run where is in docs/testing.md.
// https://kind.sigs.k8s.io/docs/user/quick-start/#loading-an-image-into-your-cluster
import { mkdtemp, readFile, rm } from 'node:fs/promises'
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
/** Those that kind drives, by what KIND_EXPERIMENTAL_PROVIDER calls them; they build and save images by the same words. */
const RUNTIMES = ['docker', 'podman', 'nerdctl'] as const
const MINUTE_MS = 60_000

const wanted = process.env['KIND_EXPERIMENTAL_PROVIDER']
const runtime = wanted ?? RUNTIMES.find((program) => findProgram(program) !== undefined) ?? 'docker'
const missing = ['kind', runtime].filter((program) => findProgram(program) === undefined)
if (missing.length > 0) {
  console.error(
    `not on this machine: ${missing.join(', ')} (https://kind.sigs.k8s.io/docs/user/quick-start/#installation)`,
  )
  process.exit(1)
}
const progress = createProgress()
const { version } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
const folder = await mkdtemp(join(tmpdir(), 'nephele-kind-'))
const kubeconfig = join(folder, 'kubeconfig')

function kind(args: readonly string[], timeoutMs = MINUTE_MS) {
  return exec(['kind', ...args], { timeoutMs, env: { ...process.env, KIND_EXPERIMENTAL_PROVIDER: runtime } })
}

await progress.step(`kind create cluster (${runtime})`, async () => {
  const { stdout } = await kind(['get', 'clusters'])
  if (stdout.split('\n').includes(CLUSTER)) return
  const config = join(REPOSITORY, 'e2e', 'kind.yaml')
  await kind(['create', 'cluster', '--config', config, '--wait', '120s'], 10 * MINUTE_MS)
})
await kind(['export', 'kubeconfig', '--name', CLUSTER, '--kubeconfig', kubeconfig])
await progress.step('bundles of this checkout', () => buildProcesses(['operator', 'agent', 'bootstrap']))
for (const target of TARGETS) {
  const image = `ghcr.io/nephele/${target}:${version}`
  const archive = join(folder, `${target}.tar`)
  await progress.step(`${runtime} build ${target}`, () =>
    exec([runtime, 'build', '--target', target, '--tag', image, REPOSITORY], { timeoutMs: 15 * MINUTE_MS }),
  )
  await progress.step(`kind load ${target}`, async () => {
    await exec([runtime, 'save', '--output', archive, image], { timeoutMs: 5 * MINUTE_MS })
    await kind(['load', 'image-archive', archive, '--name', CLUSTER], 5 * MINUTE_MS)
    await rm(archive)
  })
}
await installIntoCluster({ kubeconfig }, progress, (line) => console.log(line))
