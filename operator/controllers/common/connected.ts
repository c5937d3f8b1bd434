// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'

/** Whether the node's agent says that the node is connected to the physical network. */
export function isConnected({ status }: ComputeNode, physicalNetwork: string): boolean {
  return status?.inventory?.physicalNetworks?.includes(physicalNetwork) ?? false
}
