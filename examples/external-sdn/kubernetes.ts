// SPDX-License-Identifier: Apache-2.0
// What the controller reads of the cloud, by the ClusterRole nephele-sdn-controller. It writes nothing there.
import { readFileSync } from 'node:fs'
import type { Peer, Segment, Station } from './plan.ts'

export interface Apiserver {
  url: string
  /** Read at each request, as it is replaced from time to time. */
  tokenFile: string
}

interface Stored {
  metadata: { uid: string; name: string; creationTimestamp: string }
  status?: {
    controller?: string
    networkUID?: string
    macAddress?: string
    node?: string
    inventory?: { tunnelAddress?: string; physicalNetworks?: string[] }
    physicalNetwork?: string
  }
}

/** From the apiserver's cache: a real controller watches instead of asking again and again. */
async function list({ url, tokenFile }: Apiserver, plural: string): Promise<Stored[]> {
  const headers = { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` }
  const path = `${url}/apis/nephele.dev/v1alpha1/${plural}?resourceVersion=0`
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(10_000) })
  if (!answer.ok) throw new Error(`${plural}: ${answer.status} ${answer.statusText}`)
  return ((await answer.json()) as { items: Stored[] }).items
}

/** Networks of this controller, what stands on them, and the nodes that are connected. */
export async function readCloud(
  apiserver: Apiserver,
  controller: string,
): Promise<{ segments: Segment[]; stations: Station[]; peers: Peer[] }> {
  const [networks, ports, nodes] = await Promise.all(
    ['networks', 'ports', 'computenodes'].map((plural) => list(apiserver, plural)),
  )
  const own = (networks ?? []).filter(({ status }) => status?.controller === controller)
  const uids = new Set(own.map(({ metadata }) => metadata.uid))
  const physical = new Set(own.map(({ status }) => status?.physicalNetwork))
  return {
    segments: own.map(({ metadata }) => ({ uid: metadata.uid, created: metadata.creationTimestamp })),
    stations: (ports ?? []).flatMap(({ metadata, status }) => {
      const { networkUID, macAddress, node } = status ?? {}
      if (networkUID === undefined || !uids.has(networkUID) || macAddress === undefined || node === undefined) return []
      return [{ uid: metadata.uid, networkUid: networkUID, mac: macAddress, node, created: metadata.creationTimestamp }]
    }),
    peers: (nodes ?? []).flatMap(({ metadata, status }) => {
      const { tunnelAddress, physicalNetworks = [] } = status?.inventory ?? {}
      const isThere = physicalNetworks.some((name) => physical.has(name))
      return tunnelAddress === undefined || !isThere ? [] : [{ node: metadata.name, address: tunnelAddress }]
    }),
  }
}
