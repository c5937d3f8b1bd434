// SPDX-License-Identifier: Apache-2.0
import type { Cloud, ComputeNode } from '../../lib/api/types.ts'

interface Answer {
  /** A line each, for a person. */
  lines: string[]
  isReady: boolean
}

/** Whether the Cloud and all its nodes are ready, and in their own words why not. Pure. */
export function describeInstallation(cloud: Cloud | undefined, nodes: readonly ComputeNode[]): Answer {
  const noCloud = {
    name: 'Cloud',
    isReady: false,
    why: 'not there yet: no operator has led (kubectl -n nephele-system logs deployment/nephele-operator)',
  }
  const noNodes = {
    name: 'ComputeNodes',
    isReady: false,
    why: 'none: label nodes, such as kubectl label node NODE nephele.dev/compute=libvirt',
  }
  const parts = [
    cloud ? partOf('Cloud', cloud) : noCloud,
    ...(nodes.length === 0 ? [noNodes] : nodes.map((node) => partOf('ComputeNode', node))),
  ]
  return {
    lines: parts.map(
      ({ name, isReady, why }) => `${isReady ? 'ready    ' : 'NOT READY'} ${name}${why === '' ? '' : `: ${why}`}`,
    ),
    isReady: parts.every((part) => part.isReady),
  }
}

function partOf(
  kind: string,
  { metadata, status }: Cloud | ComputeNode,
): { name: string; isReady: boolean; why: string } {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const isReady = ready?.status === 'True'
  const why = isReady
    ? ''
    : `${ready?.reason ?? 'Unknown'}: ${ready?.message ?? 'the operator has not looked at it yet'}`
  return { name: `${kind} ${metadata.name}`, isReady, why }
}
