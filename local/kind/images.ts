// SPDX-License-Identifier: Apache-2.0
// This checkout's images, built by the runtime that kind drives.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { buildProcesses } from '../../scripts/build.ts'
import { REPOSITORY } from '../cloud/layout.ts'
import type { Progress } from '../host/progress.ts'
import type { Runtime } from './runtime.ts'

const TARGETS = ['operator', 'agent', 'ovn-central'] as const
const MINUTE_MS = 60_000

/** Builds them under the names that the chart asks for, and hands each to `load` as an archive. */
export async function buildImages(
  runtime: Runtime,
  progress: Progress,
  load: (archive: string) => Promise<unknown>,
): Promise<void> {
  const { version } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
  await progress.step('bundles of this checkout', () =>
    buildProcesses(['operator', 'agent', 'resolver', 'metrics-relay', 'bootstrap', 'install-check', 'support-bundle']),
  )
  const folder = await mkdtemp(join(tmpdir(), 'nephele-images-'))
  try {
    for (const target of TARGETS) {
      const image = `ghcr.io/nephele/${target}:${version}`
      const archive = join(folder, `${target}.tar`)
      await progress.step(`${runtime} build ${target}`, () =>
        exec([runtime, 'build', '--target', target, '--tag', image, REPOSITORY], { timeoutMs: 15 * MINUTE_MS }),
      )
      await progress.step(`kind load ${target}`, async () => {
        await exec([runtime, 'save', '--output', archive, image], { timeoutMs: 5 * MINUTE_MS })
        await load(archive)
        await rm(archive)
      })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
