// SPDX-License-Identifier: Apache-2.0
// Where a node gets the bytes of an Image.
import { isIP } from 'node:net'
import type { ComputeNode, Image } from '../../../lib/api/types.ts'
import { IMAGE_PORT, NOWHERE, type ImageReader, type ImageSpec } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'

export interface SourceCaches extends Pick<Caches, 'computeNodes'> {
  /** Who has missed too many beats: asked last. One that was not heard yet since we lead is none. Absent: nobody. */
  isSilent?: (node: string) => boolean
}
type Copy = NonNullable<NonNullable<Image['status']>['copies']>[number]

/** Where no node has it: one that has it in its cache goes on, another says that it cannot be reached. */
export const NO_SERVER = { node: NOWHERE, url: `https://${NOWHERE}:${IMAGE_PORT}/` }

export function isStored({ spec }: Image): boolean {
  return spec.source.snapshot !== undefined
}

/**
 * Of a stored one a copy that is whole, on the node itself where it has one, else on one that is heard; each node asks another, so that they
 * share the load. Who asked one that is heard goes on with it while others fall silent. Pure.
 */
export function sourceOf(
  image: Image,
  node: string,
  caches: SourceCaches | undefined,
): Pick<ImageSpec, 'url' | 'caBundle' | 'peer'> {
  const { http } = image.spec.source
  if (http) return { url: http.url, ...(http.caBundle === undefined ? {} : { caBundle: http.caBundle }) }
  const servers = listReady(image).flatMap((copy) => {
    const url = caches && urlOn(copy.node, image.metadata.uid, caches)
    return url === undefined ? [] : [{ node: copy.node, url }]
  })
  const heard = servers.filter((server) => caches?.isSilent?.(server.node) !== true)
  const usual = servers.find((server) => server.node === node) ?? pickFor(node, servers)
  const isUsual = usual?.node === node || heard.length === 0 || heard.some((server) => server === usual)
  const chosen = isUsual ? usual : pickFor(node, heard)
  return chosen ? { url: chosen.url, peer: chosen.node } : { url: NO_SERVER.url, peer: NO_SERVER.node }
}

export function listReady({ status }: Image): Copy[] {
  return (status?.copies ?? []).filter(({ ready }) => ready === true)
}

/** Undefined: nobody reaches the node, or it was given up. */
export function urlOn(node: string, imageUid: string, { computeNodes }: SourceCaches): string | undefined {
  const found = computeNodes.find(undefined, node)
  const address = found && addressOf(found)
  return address === undefined ? undefined : `https://${address}:${IMAGE_PORT}/images/${imageUid}`
}

/** Nodes that may read a file, by the key that each shows. One without a key yet is let in once it has one. */
export function toReaders(nodes: Iterable<string>, { computeNodes }: SourceCaches): ImageReader[] {
  return [...new Set(nodes)].sort().flatMap((node) => {
    const found = computeNodes.find(undefined, node)
    const key = found?.status?.volumeKey
    return key === undefined || found?.spec.lost !== undefined ? [] : [{ node, key }]
  })
}

function addressOf({ spec, status }: ComputeNode): string | undefined {
  const address = status?.inventory?.address ?? ''
  if (spec.lost !== undefined || isIP(address) === 0) return undefined
  return isIP(address) === 6 ? `[${address}]` : address
}

/** The same node asks the same one each time. */
function pickFor<T>(node: string, servers: readonly T[]): T | undefined {
  return servers[spread(node) % Math.max(1, servers.length)]
}

/** FNV-1a. */
function spread(name: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
