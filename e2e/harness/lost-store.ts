// SPDX-License-Identifier: Apache-2.0
// A cloud whose store went back while machines run: what an administrator does about it, and what really runs.
import { readFileSync } from 'node:fs'
import { CLOUD, CLOUD_NAME, COMPUTE_NODE } from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode, Instance } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import { countStarts } from '../../local/commands/guest-starts.ts'
import { findLogs } from '../../local/commands/show.ts'
import type { Project } from './project.ts'
import { waitForObject } from './wait.ts'

export const CLOUD_REF = { name: CLOUD_NAME }
export const isRegressed = (cloud: Cloud | undefined) =>
  isConditionTrue(cloud?.status?.conditions, 'ControlPlaneRegressed')

export async function raiseIncarnation({ test: { client } }: Project): Promise<void> {
  const { spec } = await client.get<Cloud>(CLOUD, CLOUD_REF)
  await client.mergePatch(CLOUD, CLOUD_REF, { spec: { incarnation: (spec.incarnation ?? 1) + 1 } })
  const goesOn = (c: Cloud | undefined) => c?.status?.state === 'OK' && !isRegressed(c)
  await waitForObject<Cloud>(client, CLOUD, CLOUD_REF, goesOn, { what: 'goes on' })
}

/** Every one of these machines that runs anywhere: `UID node`, as the hypervisors have them. */
export async function running({ test: { cloud, computeNodes } }: Project, uids: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    computeNodes.map(async (node) => {
      const { stdout } = await cloud.exec(node, ['virsh', 'list', '--uuid'])
      return stdout.split('\n').flatMap((line) => (uids.includes(line.trim()) ? [`${line.trim()} ${node}`] : []))
    }),
  )
  return lists.flat().toSorted()
}

/** How often any node started the machine, by the agents' own words. */
export function startsOf({ test }: Project, { metadata }: Instance): number {
  const logs = Object.entries(findLogs(test.cloud)).filter(([log]) => log.includes('/'))
  const lines = logs.flatMap(([, path]) => readFileSync(path, 'utf8').split('\n'))
  return countStarts(lines.filter((line) => line.includes(metadata.uid)).join('\n'))
}

/** As docs/backup.md has an administrator do it; returns once the node has let go. */
export async function release(
  { test: { client, cloud }, namespace }: Project,
  node: string,
  finds: readonly { kind: string; uid: string }[],
): Promise<void> {
  const releases = finds.map((find) => ({ ...find, name: 'after', namespace, epoch: 1 }))
  const patch = JSON.stringify({ status: { releases } })
  const target = ['computenodes.nephele.dev', node, '--subresource=status', '--type=merge']
  await cloud.kubectl(['patch', ...target, `--patch=${patch}`])
  const isDone = (n: ComputeNode | undefined) => n?.status?.releases === undefined
  await waitForObject<ComputeNode>(client, COMPUTE_NODE, { name: node }, isDone, { what: 'released' })
}
