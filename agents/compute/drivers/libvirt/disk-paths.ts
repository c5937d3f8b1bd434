// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { basePath } from '../../../image/cache-entries.ts'
import { imageBaseDir, instanceDir, type ComputePaths } from '../../paths.ts'

export interface DiskPaths {
  dir: string
  base: string
  root: string
  ephemeral: string
  swap: string
  configDrive: string
}

/** Paths of the disks of one machine: one folder per instance, with the disks directly in it (the image cache looks for them there). */
export function diskPaths(paths: ComputePaths, want: { uid: string; root: { sha256: string } }): DiskPaths {
  const dir = instanceDir(paths, want.uid)
  return {
    dir,
    base: basePath(imageBaseDir(paths), want.root.sha256),
    root: rootDiskPath(paths, want.uid),
    ephemeral: join(dir, 'ephemeral.qcow2'),
    swap: join(dir, 'swap.raw'),
    configDrive: join(dir, 'config.img'),
  }
}

export function rootDiskPath(paths: ComputePaths, uid: string): string {
  return join(instanceDir(paths, uid), 'root.qcow2')
}
