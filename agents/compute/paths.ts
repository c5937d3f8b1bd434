// SPDX-License-Identifier: Apache-2.0
// Paths and names on a node, derived from uids, so that a second attempt finds the work of the first.
import { join } from 'node:path'

/** The contract's form of uids: cannot leave a folder or be read as an option. */
const UID = /^[a-z0-9][a-z0-9-]{0,62}$/

export interface ComputePaths {
  /** `/var/lib/nephele` */
  readonly dataDir: string
  /** `/run/nephele` */
  readonly runDir: string
}

export function checkedUid(uid: string): string {
  if (!UID.test(uid)) throw new Error('not a uid')
  return uid
}

/** The host device of a port; the kernel allows 15 characters, and Neutron names taps the same way. */
export function tapName(portUid: string): string {
  return `tap${checkedUid(portUid).slice(0, 11)}`
}

export const vhostUserDir = (paths: ComputePaths): string => join(paths.runDir, 'vhostuser')
/** QEMU listens on it, the switch connects to it. */
export function vhostUserSocket(paths: ComputePaths, portUid: string): string {
  return join(vhostUserDir(paths), `vhu${checkedUid(portUid).slice(0, 11)}`)
}

export const imageBaseDir = (paths: ComputePaths): string => join(paths.dataDir, 'images', '_base')
export const instancesDir = (paths: ComputePaths): string => join(paths.dataDir, 'instances')
export const instanceDir = (paths: ComputePaths, uid: string): string => join(instancesDir(paths), checkedUid(uid))
export const consoleDir = (paths: ComputePaths): string => join(paths.dataDir, 'console')
/** Rotated by virtlogd: `.0`, `.1`, … beside it. */
export const consoleLog = (paths: ComputePaths, uid: string): string =>
  join(consoleDir(paths), `${checkedUid(uid)}.log`)
/** State of the role itself that must outlive the process. */
export const computeDir = (paths: ComputePaths): string => join(paths.dataDir, 'compute')

/** In a machine's folder: of files that a copy of its root disk is made of. */
export const CAPTURE_PREFIX = 'capture.'
