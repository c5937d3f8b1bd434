// SPDX-License-Identifier: Apache-2.0
// What is built once and kept in the cache: the control plane's programs, the nodes' root file system, the guest image. Before `up`,
// and by itself before tests that start real servers: `node local/cloud/prepare.ts PROGRAM...`, for the programs that they run besides
// (`browser`: of Debian's packages).
import { CLOUD_PROGRAMS, ensurePrograms, missingPrograms, PROGRAMS, type ProgramName } from '../build/programs.ts'
import { ensureGuestImage, type GuestImage } from '../guest-image/build.ts'
import { ensurePrerequisites, TEST_PREREQUISITES, type TestPrerequisite } from '../host/prerequisites.ts'
import { createProgress, type Progress } from '../host/progress.ts'
import { ensureRootfs } from '../rootfs/build.ts'

/** Between two lines that say how far a build is. */
const TELL_EVERY_MS = 30_000

/** May run any number of times; costs nothing where all is there. @throws StepError */
export async function prepareHost(
  progress: Progress,
  more: readonly ProgramName[] = [],
  ofTests: readonly TestPrerequisite[] = [],
): Promise<GuestImage> {
  const programs = [...new Set([...CLOUD_PROGRAMS, ...more])]
  const missing = await missingPrograms(programs)
  await progress.step('host prerequisites', () => ensurePrerequisites(missing.length === 0, ofTests))
  const image = async () => {
    const rootfs = await progress.step("nodes' root file system", () => ensureRootfs())
    return progress.step('guest image', () => ensureGuestImage(rootfs))
  }
  // Side by side: the root file system waits for packages and the disk while the compiler has the processors.
  const [guestImage] = await Promise.all([image(), buildPrograms(missing, progress)])
  return guestImage
}

/** Says what is built, how long that takes where nothing of it is there, and how far it is. */
export async function buildPrograms(names: readonly ProgramName[], progress: Progress): Promise<void> {
  const missing = await missingPrograms(names)
  if (missing.length === 0) return
  if (missing.includes('kube-apiserver'))
    progress.note('building Kubernetes takes some minutes, once: two cores need about six')
  let toldMs = performance.now()
  await progress.step(`building ${missing.join(', ')}`, () =>
    ensurePrograms(missing, {
      onProgress: ({ compiled, total }) => {
        if (performance.now() - toldMs < TELL_EVERY_MS || total === 0) return
        toldMs = performance.now()
        progress.note(`building: ${compiled} of ${total} packages`)
      },
    }),
  )
}

if (import.meta.main) {
  const names = process.argv.slice(2)
  const ofTests = names.filter((name) => Object.hasOwn(TEST_PREREQUISITES, name))
  const more = names.filter((name) => !ofTests.includes(name))
  for (const name of more) if (!Object.hasOwn(PROGRAMS, name)) throw new Error(`no such program: ${name}`)
  await prepareHost(createProgress(), more as ProgramName[], ofTests as TestPrerequisite[])
}
