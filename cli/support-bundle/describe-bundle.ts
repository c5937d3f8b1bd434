// SPDX-License-Identifier: Apache-2.0

/** Pure: what stands at the archive's top for who opens it. */
export function describeBundle(bundle: { now: Date; nodes: readonly string[]; missing: readonly string[] }): string {
  const { now, nodes, missing } = bundle
  return `${[
    `A Nephele cloud at ${now.toISOString()}, by kubectl nephele support-bundle.`,
    '',
    'objects/        every object of Nephele, a file a kind',
    'events.txt      what Kubernetes still has of their Events, in the order of time',
    'installation/   what Nephele runs as: pods, workloads, Leases and Events of its namespaces',
    'logs/           of its pods, the last 20,000 lines; .previous: before the last restart',
    'cluster/        nodes, versions, definitions and policies',
    'ovn/            the logical network as OVN has it',
    `nodes/          hypervisor, switch and devices of: ${nodes.length === 0 ? 'none; name nodes to have theirs' : nodes.join(', ')}`,
    '',
    'Left out: Secrets and ConfigMaps, which were not read; user data; user names, passwords and queries of URLs; values of variables',
    'whose names sound like secrets.',
    '',
    ...(missing.length === 0
      ? ['All could be read.']
      : ['Could not be read:', ...missing.toSorted().map((line) => `  ${line.replace(/\s+/g, ' ')}`)]),
  ].join('\n')}\n`
}
