// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, KubeNode } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'

export const computeNodeKind: KindRow<ComputeNode> = {
  indexes: {
    /** UIDs of orphaned machines on the node. */
    orphan: ({ status }) => (status?.orphans ?? []).flatMap(({ kind, uid }) => (kind === 'instance' ? [uid] : [])),
  },
  document: 'node',
}

export const nodeKind: KindRow<KubeNode> = {
  project: projectNode,
  indexes: {
    /** `disk=nvme` for each label: selectors find it by one of them. */
    label: ({ metadata }) => Object.entries(metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`),
  },
}

/** Keeps only the labels and whether the node is cordoned: a Node's status is large and changes all the time. */
export function projectNode(node: KubeNode): KubeNode {
  const { name, uid, resourceVersion, labels } = node.metadata
  return {
    metadata: { name, uid, resourceVersion, ...(labels === undefined ? {} : { labels }) },
    ...(node.spec?.unschedulable === true ? { spec: { unschedulable: true } } : {}),
  }
}
