// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { openCloud } from '../cloud/cloud.ts'
import { enterArguments, NODE_ENVIRONMENT } from '../node/node.ts'
import { getPlacedInstance } from './instances.ts'

/** The machine's console by libvirt's console stream (virDomainOpenConsole), interactive; the result is an exit code. */
export async function openConsole(name: string, namespace: string, instanceName: string): Promise<number> {
  const cloud = openCloud(name)
  const { instance, node } = await getPlacedInstance(cloud, namespace, instanceName)
  const domain = `nephele-${instance.metadata.uid}`
  return runInteractive(cloud.node(node), ['virsh', '-c', 'qemu:///system', 'console', '--force', '--domain', domain])
}

export function runInteractive(node: { pid: number; startTime: number }, argv: readonly string[]): number {
  const [file, ...args] = enterArguments(node, argv)
  const env = { ...NODE_ENVIRONMENT, TERM: process.env['TERM'] ?? 'dumb' }
  return spawnSync(file, args, { stdio: 'inherit', env }).status ?? 1
}
