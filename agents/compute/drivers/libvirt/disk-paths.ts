// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { basePath } from '../../../image/cache-entries.ts'
import { imageBaseDir, instanceDir, type ComputePaths } from '../../paths.ts'
import { FIRST_DISKS, type InstanceWant } from '../../instance-driver.ts'

export interface DiskPaths {
  dir: string
  base: string
  root: string
  ephemeral: string
  swap: string
  rescue?: { path: string; base: string }
  configDrive: string
}

type Wanted = Pick<InstanceWant, 'uid' | 'disks'> & {
  root: { sha256: string }
  rescue?: { number: number; sha256: string }
}

/** `root.qcow2` has the number 0, `root.1.qcow2` 1. */
const NUMBERED = /^(root|ephemeral|swap|rescue)(?:\.([1-9][0-9]{0,9}))?\.(?:qcow2|raw)$/

/** Paths of the disks of one machine: one folder per instance, with the disks directly in it (the image cache looks for them there). */
export function diskPaths(paths: ComputePaths, want: Wanted): DiskPaths {
  const dir = instanceDir(paths, want.uid)
  const { root, ephemeral } = want.disks ?? FIRST_DISKS
  return {
    dir,
    base: basePath(imageBaseDir(paths), want.root.sha256),
    root: rootDiskPath(paths, want.uid, root),
    ephemeral: join(dir, numbered('ephemeral', ephemeral, 'qcow2')),
    swap: join(dir, numbered('swap', root, 'raw')),
    configDrive: join(dir, 'config.img'),
    ...(want.rescue ? { rescue: rescueDisk(paths, dir, want.rescue) } : {}),
  }
}

function rescueDisk(
  paths: ComputePaths,
  dir: string,
  { number, sha256 }: NonNullable<Wanted['rescue']>,
): DiskPaths['rescue'] {
  return { path: join(dir, numbered('rescue', number, 'qcow2')), base: basePath(imageBaseDir(paths), sha256) }
}

export function rootDiskPath(paths: ComputePaths, uid: string, number: number): string {
  return join(instanceDir(paths, uid), numbered('root', number, 'qcow2'))
}

/** Which disk of a machine a file of its folder is; undefined: none. */
export function diskOf(fileName: string): { kind: string; number: number } | undefined {
  const [, kind, number = '0'] = NUMBERED.exec(fileName) ?? []
  return kind === undefined ? undefined : { kind, number: Number(number) }
}

function numbered(kind: string, number: number, ending: string): string {
  return number === 0 ? `${kind}.${ending}` : `${kind}.${number}.${ending}`
}
