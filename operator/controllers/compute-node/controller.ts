// SPDX-License-Identifier: Apache-2.0
import { COMPUTE_NODE, FINALIZER, NODE } from '../../../lib/api/kinds.ts'
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ensureComputeNode } from './discover.ts'
import { reconcileComputeNode } from './reconcile.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { computeNodeSources, computeNodeWatches } from './wakes.ts'
import type { NodeSettings } from './settings.ts'

export function computeNodeController(
  deps: OperatorDeps,
  informers: OperatorInformers,
  settings: NodeSettings,
): ControllerDefinition<ComputeNode> {
  return {
    name: 'compute-node',
    kind: COMPUTE_NODE,
    finalizer: FINALIZER,
    watches: computeNodeWatches(deps, informers),
    sources: computeNodeSources(deps),
    reconcile: (node, run) => reconcileComputeNode(node, deps, settings, run),
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
    reconcile: (node, run) => ensureComputeNode(node, deps, run),
  }
}
