// SPDX-License-Identifier: Apache-2.0
import { COMPUTE_NODE, INSTANCE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { keyOfObject } from '../../lib/kube/object.ts'
import { UsageError, type Command, type Context } from '../command-line/command.ts'
import { printData } from '../output/print-data.ts'
import { table } from '../output/table.ts'

export const top: Command = {
  name: 'top',
  usage: 'nodes|instances',
  summary: 'what nodes have given to machines, or what machines have been given; the greatest first',
  arguments: { least: 1, most: 1 },
  async run(context, [what = '']) {
    if (/^(nodes?|computenodes?|ncn)$/.test(what)) await topNodes(context)
    else if (/^(instances?|machines?|ninst)$/.test(what)) await topInstances(context)
    else throw new UsageError(`top ${what}: nodes or instances`)
    return 0
  },
}

export interface NodeUse {
  name: string
  zone?: string
  state: string
  /** Why it takes no new machines. */
  closed?: string
  instances: number
  vcpus: Use
  memoryMiB: Use
  diskGiB: Use
}
/** `free`: what the scheduler may still give, by its ratios, less what is reserved. */
interface Use {
  given: number
  free?: number
  total?: number
}

async function topNodes(context: Context): Promise<void> {
  const { client, signal, print } = context
  const [nodes, instances] = await Promise.all([
    client.list<ComputeNode>(COMPUTE_NODE, { signal }),
    client.list<Instance>(INSTANCE, { signal }),
  ])
  const uses = usesOf(nodes, instances)
  if (printData(context, uses)) return
  const say = ({ given, free, total }: Use) =>
    `${given}${free === undefined ? '' : ` (${free} free)`}${total === undefined ? '' : ` of ${total}`}`
  const wide = context.output === 'wide'
  const rows = uses.map((use) => [
    ...[
      use.name,
      use.state,
      String(use.instances),
      say(use.vcpus),
      say(use.memoryMiB),
      say(use.diskGiB),
      use.closed ?? '',
    ],
    ...(wide ? [use.zone ?? ''] : []),
  ])
  const titles = [
    'NODE',
    'STATE',
    'INSTANCES',
    'VCPUS',
    'MEMORY(MiB)',
    'DISK(GiB)',
    'CLOSED',
    ...(wide ? ['ZONE'] : []),
  ]
  for (const line of table(titles, rows)) print(line)
}

/** Pure. What machines have on each node is the sum of their sizes. */
export function usesOf(nodes: readonly ComputeNode[], instances: readonly Instance[]): NodeUse[] {
  const on = Map.groupBy(instances, ({ status }) => status?.node)
  const uses = nodes.map(({ metadata: { name }, status }): NodeUse => {
    const flavors = (on.get(name) ?? []).flatMap((instance) => instance.status?.flavor ?? [])
    const sum = (size: (flavor: (typeof flavors)[number]) => number) => flavors.reduce((all, one) => all + size(one), 0)
    const { inventory, free } = status ?? {}
    const use = (given: number, left: number | undefined, total: number | undefined): Use => ({
      given,
      ...(left === undefined ? {} : { free: left }),
      ...(total === undefined ? {} : { total }),
    })
    return {
      ...{ name, state: status?.state ?? 'unknown', instances: (on.get(name) ?? []).length },
      ...(status?.zone === undefined ? {} : { zone: status.zone }),
      ...(status?.closed === undefined ? {} : { closed: status.closed }),
      vcpus: use(
        sum((f) => f.vcpus),
        free?.vcpus,
        inventory?.cpus,
      ),
      memoryMiB: use(
        sum((f) => f.memoryMiB),
        free?.memoryMiB,
        inventory?.memoryMiB,
      ),
      diskGiB: use(
        Math.ceil(sum((f) => f.rootDiskGiB + (f.ephemeralGiB ?? 0) + (f.swapMiB ?? 0) / 1024)),
        ...([free?.diskGiB, inventory?.diskGiB] as const),
      ),
    }
  })
  return uses.sort((a, b) => b.memoryMiB.given - a.memoryMiB.given || (a.name < b.name ? -1 : 1))
}

async function topInstances(context: Context): Promise<void> {
  const { client, signal, print, isEverywhere, namespace } = context
  const scope = isEverywhere ? {} : { namespace }
  const instances = await client.list<Instance>(INSTANCE, { ...scope, signal })
  const memory = ({ status }: Instance) => status?.flavor?.memoryMiB ?? 0
  const sorted = instances.sort((a, b) => memory(b) - memory(a) || (keyOfObject(a) < keyOfObject(b) ? -1 : 1))
  const uses = sorted.map(({ metadata, status }) => ({
    ...{
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      state: status?.state ?? '',
      node: status?.node ?? '',
    },
    ...{
      vcpus: status?.flavor?.vcpus ?? 0,
      memoryMiB: status?.flavor?.memoryMiB ?? 0,
      diskGiB: status?.flavor?.rootDiskGiB ?? 0,
    },
  }))
  if (printData(context, uses)) return
  const rows = uses.map((use) => [
    ...(isEverywhere ? [use.namespace] : []),
    ...[use.name, use.state, use.node, String(use.vcpus), String(use.memoryMiB), String(use.diskGiB)],
  ])
  const titles = [
    ...(isEverywhere ? ['NAMESPACE'] : []),
    'INSTANCE',
    'STATE',
    'NODE',
    'VCPUS',
    'MEMORY(MiB)',
    'DISK(GiB)',
  ]
  for (const line of table(titles, rows)) print(line)
}
