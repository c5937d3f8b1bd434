// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { openCloud } from '../cloud/cloud.ts'
import { findLogs } from './show.ts'

/** How often a machine was started on a local cloud, by its agents' logs: what a run of tests costs above all. */
export function countGuestStarts(name: string): number {
  const logs = Object.entries(findLogs(openCloud(name))).filter(([log]) => log.includes('/'))
  return logs.reduce((sum, [, path]) => sum + countStarts(readFileSync(path, 'utf8')), 0)
}

/** Lines of `log.info({ action: 'on' }, 'power changed')` in agents/compute/instance-steps.ts. */
export function countStarts(log: string): number {
  return log.split('\n').filter((line) => line.includes('"action":"on"') && line.includes('"msg":"power changed"'))
    .length
}
