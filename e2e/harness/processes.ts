// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { startTimeOf, type ProcessId } from '../../local/host/process.ts'
import type { RunningNode } from '../../local/node/node.ts'

/** Processes in a node's PID namespace whose command line has `word`, as the host sees them. */
export function findProcesses(node: RunningNode, word: string): ProcessId[] {
  const namespace = readlinkSync(`/proc/${node.pid}/ns/pid`)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) return []
        if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word)) return []
        const startTime = startTimeOf(pid)
        return startTime === undefined ? [] : [{ pid, startTime }]
      } catch {
        return [] // it ended between two looks
      }
    })
}

/** The one qemu-storage-daemon of a node; the tests that use it have one volume. */
export function findStorageDaemon(node: RunningNode): ProcessId | undefined {
  return findProcesses(node, 'qemu-storage-daemon')[0]
}
