// SPDX-License-Identifier: Apache-2.0
// What is built once and kept in the cache: the control plane's programs, the nodes' root file system, the guest image. Before `up`,
// and by itself before tests that start real servers: `node local/prepare.ts`.
import { missingPrograms, programPath } from './build/programs.ts'
import { ensureGuestImage, type GuestImage } from './guest-image/build.ts'
import { ensurePrerequisites } from './host/prerequisites.ts'
import { createProgress, type Progress } from './host/progress.ts'
import { ensureRootfs } from './rootfs/build.ts'

/** May run any number of times; costs nothing where all is there. @throws StepError */
export async function prepareHost(progress: Progress): Promise<GuestImage> {
  const missing = await missingPrograms()
  await progress.step('host prerequisites', () => ensurePrerequisites(missing.length === 0))
  const image = async () => {
    const rootfs = await progress.step("nodes' root file system", () => ensureRootfs())
    return progress.step('guest image', () => ensureGuestImage(rootfs))
  }
  const programs = async () => {
    for (const program of missing) await progress.step(`building ${program}`, () => programPath(program))
  }
  const [guestImage] = await Promise.all([image(), programs()])
  return guestImage
}

if (import.meta.main) await prepareHost(createProgress())
