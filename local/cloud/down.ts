// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { endProcess } from '../host/process.ts'
import type { Progress } from '../host/progress.ts'
import { stopFabric } from '../node/fabric.ts'
import { stopNode } from '../node/node.ts'
import { releaseHugepages } from './hugepages.ts'
import { findState, lockState, stateDirOf } from './state.ts'

/**
 * Ends every recorded process of a cloud, by pid and start time, and removes its state, machines' disks included. False when there is
 * no such cloud.
 */
export async function down(name: string, progress: Progress): Promise<boolean> {
  const dir = stateDirOf(name)
  if (!existsSync(dir)) return false
  const unlock = lockState(dir)
  try {
    const state = findState(dir)
    if (state) {
      await progress.step('nodes', () => Promise.all(Object.values(state.nodes).map((node) => stopNode(node))))
      await progress.step('processes', async () => {
        const { etcd, apiserver, ...others } = state.processes
        await Promise.all(Object.values(others).map((process) => endProcess(process, 2000)))
        // Without its etcd an apiserver does not end when asked.
        if (apiserver) await endProcess(apiserver, 0)
        if (etcd) await endProcess(etcd, 0)
      })
      const { fabric } = state
      if (fabric) await progress.step('network', () => stopFabric(fabric, state.hostInterface))
    }
    if (state?.dpdkNodes) await releaseHugepages(dir, progress)
    await progress.step('state', () => rm(dir, { recursive: true, force: true }))
    return true
  } finally {
    unlock()
  }
}
