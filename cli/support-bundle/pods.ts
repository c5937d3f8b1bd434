// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'

export interface Pod extends KubeObject {
  spec: { nodeName?: string; containers: { name: string }[]; initContainers?: { name: string }[] }
  status?: { phase?: string; containerStatuses?: ContainerStatus[]; initContainerStatuses?: ContainerStatus[] }
}
interface ContainerStatus {
  name: string
  restartCount: number
}

/** What the chart labels its pods with. */
export const INSTALLED = 'app.kubernetes.io/name=nephele'
export const componentOf = ({ metadata }: KubeObject): string => metadata.labels?.['app.kubernetes.io/component'] ?? ''

/** Runs on every node, and its log is about that node. */
const ON_NODES = new Set(['agent', 'resolver'])

export interface LogRequest {
  pod: Pod
  container: string
  /** The run before the last restart. */
  previous: boolean
}

/** Pure: which logs a bundle has. @param nodes chosen ones; where there are any, of pods on nodes only theirs */
export function listLogs(pods: readonly Pod[], nodes: readonly string[]): LogRequest[] {
  const isWanted = (pod: Pod) =>
    nodes.length === 0 || !ON_NODES.has(componentOf(pod)) || nodes.includes(pod.spec.nodeName ?? '')
  return pods.filter(isWanted).flatMap((pod) => {
    const { initContainers = [], containers } = pod.spec
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
    const hasRestarted = new Set(statuses.filter((one) => one.restartCount > 0).map(({ name }) => name))
    return [...initContainers, ...containers].flatMap(({ name: container }) => [
      { pod, container, previous: false },
      ...(hasRestarted.has(container) ? [{ pod, container, previous: true }] : []),
    ])
  })
}
