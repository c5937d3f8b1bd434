// SPDX-License-Identifier: Apache-2.0
// What a cluster is started from, all of it built once and kept, but the images' last layers: these are this checkout.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildProcesses } from '../../scripts/build.ts'
import { CLUSTER_PROGRAMS, missingPrograms } from '../build/programs.ts'
import { REPOSITORY } from '../cloud/layout.ts'
import { ensureGuestImage, type GuestImage } from '../guest-image/build.ts'
import { ensurePrerequisites } from '../host/prerequisites.ts'
import type { Progress } from '../host/progress.ts'
import { buildPrograms } from '../cloud/prepare.ts'
import { ensureRootfs } from '../rootfs/build.ts'
import { CLUSTER_PACKAGES } from './definition.ts'
import { buildImages, type ImageArchives } from './images.ts'
import { kubeProxyPath } from './programs.ts'

export interface PreparedCluster {
  rootfs: string
  images: ImageArchives
  kubeProxy: string
  guestImage: GuestImage
}

export async function prepareCluster(progress: Progress): Promise<PreparedCluster> {
  const missing = await missingPrograms(CLUSTER_PROGRAMS)
  await progress.step('host prerequisites', () => ensurePrerequisites(missing.length === 0))
  await buildPrograms(missing, progress)
  const kubeProxy = await progress.step('kube-proxy', () => kubeProxyPath())
  const rootfs = await progress.step("nodes' root file system", () => ensureRootfs(undefined, CLUSTER_PACKAGES))
  const guestImage = await progress.step('guest image', () => ensureGuestImage(rootfs))
  await progress.step('bundles of this checkout', () =>
    buildProcesses(['operator', 'agent', 'resolver', 'metrics-relay', 'bootstrap', 'install-check', 'support-bundle']),
  )
  const { version } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string }
  const images = await progress.step('container images', () => buildImages(rootfs, version))
  return { rootfs, images, kubeProxy, guestImage }
}
