// SPDX-License-Identifier: Apache-2.0
// What holds `kubectl drain` of a node (docs/decisions/0081-drain-is-held.md): a Pod on it, and a PodDisruptionBudget that lets no such Pod be evicted.
import { createHash } from 'node:crypto'
import { COMPUTE_NODE, GROUP, POD, VERSION } from '../../lib/api/kinds.ts'
import type { NewObject } from '../../lib/kube/client.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'

export const POD_DISRUPTION_BUDGET: ResourceKind = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
}
/** Whose value is the hold's name: a label has no room for a node's. */
const HOLD_LABEL = 'nephele.dev/drain-hold'
const MOST_CHARACTERS = 63
/** Of the chart: below what Kubernetes itself runs by, above what nodes are relieved of first. */
const HOLD_PRIORITY = 'nephele-drain-hold'

export interface HoldSettings {
  /** Of its own: Pods in it get no rights from it, and Pod Security admits nothing but restricted ones. */
  namespace: string
  /** One that has `sleep`. */
  image: string
}

/** The name that `kubectl drain` shows: of the node where that has room, else of its digest. */
export function holdNameOf(node: string): string {
  const name = `machines-run-on-${node.replaceAll('.', '-')}`
  if (name.length <= MOST_CHARACTERS && !node.includes('.')) return name
  const digest = createHash('sha256').update(node).digest('hex').slice(0, 10)
  return `${name.slice(0, MOST_CHARACTERS - digest.length - 1)}-${digest}`
}

type Owner = { name: string; uid: string }

function metadataOf(node: Owner, namespace: string) {
  const name = holdNameOf(node.name)
  // kubectl drain refuses Pods without a controller. It goes with the ComputeNode, too.
  const owner = {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: COMPUTE_NODE.kind,
    name: node.name,
    uid: node.uid,
    controller: true,
  }
  return { name, namespace, labels: { [HOLD_LABEL]: name }, ownerReferences: [owner] }
}

export interface PodObject extends KubeObject {
  spec: object
  status?: { phase?: string }
}

/** By a node that was shut down in order, pressure on it, or because it had no room: the Pod stays, and no kubelet starts it again. */
export function hasEnded({ metadata, status }: PodObject): boolean {
  return metadata.deletionTimestamp !== undefined || status?.phase === 'Failed' || status?.phase === 'Succeeded'
}

/** Does nothing; as small as a process can be. It stays through taints, and starts on a node that is cordoned already. */
export function holdPod(node: Owner, { namespace, image }: HoldSettings): NewObject<PodObject> {
  return {
    apiVersion: 'v1',
    kind: POD.kind,
    metadata: metadataOf(node, namespace),
    spec: {
      nodeName: node.name,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      priorityClassName: HOLD_PRIORITY,
      tolerations: [{ operator: 'Exists' }],
      securityContext: {
        ...{ runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532 },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          ...{ name: 'hold', image, imagePullPolicy: 'IfNotPresent', command: ['/usr/bin/sleep', 'infinity'] },
          securityContext: {
            ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
            capabilities: { drop: ['ALL'] },
          },
          resources: { requests: { cpu: '1m', memory: '4Mi' }, limits: { memory: '16Mi' } },
        },
      ],
    },
  }
}

export function holdBudget(node: Owner, { namespace }: HoldSettings): NewObject<PodObject> {
  const metadata = metadataOf(node, namespace)
  return {
    apiVersion: 'policy/v1',
    kind: POD_DISRUPTION_BUDGET.kind,
    metadata,
    // A number, for which Kubernetes asks nobody how many Pods there should be.
    spec: { minAvailable: 1, selector: { matchLabels: metadata.labels } },
  }
}
