// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordDurableSteps } from '../../../../lib/durable-files.ts'
import type { exec } from '../../../../lib/exec.ts'
import type { InstanceWant } from '../driver.ts'
import type { DiskPaths } from './disk-paths.ts'
import { ensureDisks } from './disks.ts'

test('a disk is on the disk before it has its name: a power cut leaves no empty one', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'nephele-disks-'))
  const { steps, stop } = recordDurableSteps()
  try {
    const qemuImg = (async (argv: readonly string[]) => {
      await writeFile(argv.at(-2) ?? '', 'made')
    }) as unknown as typeof exec
    const root = join(dir, 'disk')
    const want = { root: { format: 'raw', sizeBytes: 5 }, ephemeralGiB: 0, swapMiB: 0 } as unknown as InstanceWant
    const at = {
      dir,
      root,
      base: '/base',
      swap: join(dir, 'swap'),
      configDrive: join(dir, 'config'),
    } as unknown as DiskPaths
    await ensureDisks(want, at, false, qemuImg, AbortSignal.timeout(5000))
    expect(steps).toEqual([
      { step: 'sync', path: root },
      { step: 'rename', path: root },
      { step: 'syncFolder', path: dir },
    ])
  } finally {
    stop()
    await rm(dir, { recursive: true })
  }
})
