// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { rootfsDir } from '../rootfs/build.ts'
import type { CloudState } from './state.ts'

type NewCloud = Pick<CloudState, 'name' | 'subnet' | 'ports' | 'computeNodes' | 'dpdkNodes'> & {
  dir: string
  auditLog: boolean
}

/** Of a cloud of which nothing runs yet. */
export function newState({ dir, auditLog, ...facts }: NewCloud): CloudState {
  return {
    ...facts,
    // Two clouds of one name in two state folders are two clouds.
    hostInterface: `nph-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`,
    rootfs: rootfsDir(),
    ...(auditLog ? { auditLog } : {}),
    processes: {},
    nodes: {},
  }
}

/** Else whoever asked for them would look for them in vain. @throws when a cloud that is there has another number */
export function assertDpdkNodes({ name, dpdkNodes = 0 }: CloudState, wanted = dpdkNodes): void {
  if (wanted === dpdkNodes) return
  throw new Error(`cloud "${name}" is there with --dpdk-nodes ${dpdkNodes}, not ${wanted}: take it down first`)
}
