// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, COMPUTE_NODE, FINALIZER, NODE } from '../../../lib/api/kinds.ts'
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { NodeCertificates } from '../../bus/certificates.ts'
import type { NbdCertificates } from '../../bus/nbd-certificates.ts'
import { guarded } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { instanceIndexes } from '../common/indexes.ts'
import { ensureComputeNode } from './discover.ts'
import { reconcileComputeNode } from './reconcile.ts'

export interface NodeSettings {
  /** OVN's southbound database as agents reach it; absent: no networks. */
  ovnRemote?: string
  /** Absent: nodes get no certificates. */
  certificates?: Pick<NodeCertificates, 'ensure'>
  /** Absent: no volume is served over NBD. */
  nbdCertificates?: Pick<NbdCertificates, 'ensure'>
  /** How often certificates' ages are looked at; renewal begins at two thirds of their life. Default: 12 hours. */
  certificateCheckMs?: number
}

export function computeNodeController(
  deps: OperatorDeps,
  informers: OperatorInformers,
  settings: NodeSettings,
): ControllerDefinition<ComputeNode> {
  const { computeNodes } = deps.caches
  const isDeleting = (name: string) => computeNodes.find(undefined, name)?.metadata.deletionTimestamp !== undefined
  return {
    name: 'compute-node',
    kind: COMPUTE_NODE,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.nodes, (node) => [node.metadata.name]),
      watchOf(informers.storagePools, () => computeNodes.keys()),
      watchOf(informers.clouds, ({ metadata }) => (metadata.name === CLOUD_NAME ? computeNodes.keys() : [])),
      watchOf(informers.instances, (instance) => instanceIndexes.node(instance).filter(isDeleting)),
      watchOf(informers.volumes, ({ status }) =>
        status?.node !== undefined && isDeleting(status.node) ? [status.node] : [],
      ),
      watchOf(informers.ports, ({ status }) =>
        status?.node !== undefined && isDeleting(status.node) ? [status.node] : [],
      ),
    ],
    reconcile: guarded(deps, (node, run) => reconcileComputeNode(node, deps, settings, run)),
    forget(name) {
      deps.scheduler.removeNode(name)
    },
  }
}

/** Kubernetes Nodes with a role become ComputeNodes; nothing is written to the Node. */
export function nodeController(deps: OperatorDeps): ControllerDefinition<KubeNode> {
  return {
    name: 'node',
    kind: NODE,
    conditions: 'none',
    reconcile: guarded(deps, (node, run) => ensureComputeNode(node, deps, run)),
  }
}
