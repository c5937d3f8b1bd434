// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

const DESCRIPTORS = '/proc/self/fd'

/** For tests: the paths that this process has open now. */
export function listOpenFiles(): string[] {
  return readdirSync(DESCRIPTORS).flatMap((fd) => {
    try {
      return [readlinkSync(join(DESCRIPTORS, fd))]
    } catch {
      // The descriptor of the folder itself, closed since.
      return []
    }
  })
}
