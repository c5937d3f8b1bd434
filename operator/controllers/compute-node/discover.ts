// SPDX-License-Identifier: Apache-2.0
import { COMPUTE_NODE, GROUP, MANAGED_BY, MANAGED_BY_LABEL, NODE_LABELS, VERSION } from '../../../lib/api/kinds.ts'
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import { isAlreadyExists } from '../../../lib/kube/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'

export const ROLES = ['compute', 'network', 'gateway', 'storage', 'image'] as const
export type Role = (typeof ROLES)[number]

/** Creates the ComputeNode once. It stays when the Node goes, since it may still have machines and volumes: a person deletes it. */
export async function ensureComputeNode(
  node: KubeNode,
  deps: Pick<OperatorDeps, 'caches'>,
  run: Pick<Run, 'client' | 'signal'>,
): Promise<Outcome> {
  const { name } = node.metadata
  if (rolesOf(node).length === 0 || deps.caches.computeNodes.find(undefined, name)) return done
  try {
    await run.client.create<ComputeNode>(
      COMPUTE_NODE,
      {
        apiVersion: `${GROUP}/${VERSION}`,
        kind: COMPUTE_NODE.kind,
        metadata: { name, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
        spec: {},
      },
      { signal: run.signal },
    )
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  return done
}

/** The roles by the Node's labels. A node that runs machines, or is a gateway for them, also has the network role. */
export function rolesOf(node: KubeNode | undefined): Role[] {
  const labels = node?.metadata.labels ?? {}
  const roles = new Set<Role>()
  if (hypervisorOf(node) !== undefined) roles.add('compute').add('network')
  if (labels[NODE_LABELS.network] === 'gateway') roles.add('gateway').add('network')
  if (labels[NODE_LABELS.storage] === 'true') roles.add('storage')
  if (labels[NODE_LABELS.image] === 'true') roles.add('image')
  return ROLES.filter((role) => roles.has(role))
}

const HYPERVISORS = ['libvirt', 'kubevirt', 'fake'] as const

export function hypervisorOf(node: KubeNode | undefined): (typeof HYPERVISORS)[number] | undefined {
  const label = node?.metadata.labels?.[NODE_LABELS.compute]
  return HYPERVISORS.find((h) => h === label)
}

export function zoneOf(node: KubeNode | undefined): string | undefined {
  return node?.metadata.labels?.[NODE_LABELS.zone]
}
