// SPDX-License-Identifier: Apache-2.0
// Nobody writes a ComputeNode: it says what its node really has, and how it is known.
import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { COMPUTE_NODE } from '../../lib/api/kinds.ts'
import type { ComputeNode } from '../../lib/api/types.ts'
import { pathIn } from '../../local/node/node.ts'
import { openTestCloud } from '../harness/cloud.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

test.each([
  ['network-1', ['network', 'gateway', 'storage', 'image'], 'zone-a'],
  ['compute-1', ['compute', 'network'], 'zone-a'],
  ['compute-2', ['compute', 'network'], 'zone-b'],
])(
  '%s has its roles, its zone, and an inventory that its node confirms',
  async (name, roles, zone) => {
    const { client, cloud } = openTestCloud()
    const { status, metadata } = await waitForReady<ComputeNode>(client, COMPUTE_NODE, { name })
    expect(metadata.labels?.['app.kubernetes.io/managed-by']).toBe('nephele')
    expect(status).toMatchObject({ state: 'up', roles, zone })
    await waitForCondition(client, COMPUTE_NODE, { name }, { type: 'Certificate', reason: 'Issued' })

    const inNode = async (...argv: string[]) => (await cloud.exec(name, argv)).stdout.trim()
    const memoryKiB = Number(/^MemTotal:\s+(\d+) kB/m.exec(await inNode('cat', '/proc/meminfo'))?.[1])
    expect(status?.inventory).toMatchObject({
      bootID: readFileSync(pathIn(cloud.node(name), '/proc/sys/kernel/random/boot_id'), 'utf8').trim(),
      cpus: Number(await inNode('nproc')),
      memoryMiB: Math.floor(memoryKiB / 1024),
      address: /inet ([\d.]+)/.exec(await inNode('ip', '-4', '-o', 'address', 'show', 'dev', 'eth0'))?.[1],
    })
    const isHypervisor = roles.includes('compute')
    expect(status?.inventory?.hypervisorType).toBe(isHypervisor ? 'QEMU' : undefined)
    if (!isHypervisor) return
    expect(await inNode('virsh', 'version')).toContain(
      `hypervisor: QEMU ${status?.inventory?.hypervisorVersion?.split(' ')[0] ?? '-'}`,
    )
  },
  60_000,
)
