// SPDX-License-Identifier: Apache-2.0
// Where the bytes of an Image of an ImageStore are by what nodes were told and say, whatever its status has: after a restore that may be behind.
import type { Image, InstanceAction } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { Bytes } from './publish.ts'

type Deps = Pick<OperatorDeps, 'bus' | 'caches'>

export interface Holder {
  node: string
  epoch: number
  /** By the operator, which no node can claim: to keep it, or to release it. */
  told: 'keep' | 'release' | undefined
  report: ObservedDocument | undefined
}

export type Kept =
  | { kind: 'known'; bytes: Bytes; copies: { node: string; epoch: number; ready?: true }[] }
  | { kind: 'unclear'; outcome: Outcome }

/** Nodes with a document or tombstone of its copy, or that say that they have one. Costs a lookup per node. */
export function listHolders({ metadata: { uid } }: Image, { bus, caches }: Deps): Holder[] {
  const reports = new Map(bus.observed.findAll('imagecopy', uid).map((report) => [report.node, report]))
  const nodes = new Set([...caches.computeNodes.list().map(({ metadata }) => metadata.name), ...reports.keys()])
  return [...nodes].sort().flatMap((node) => {
    const document = bus.desired.find(node, 'imagecopy', uid)
    const report = reports.get(node)
    if (!document && (!report || report.state === 'gone' || report.state === 'refused')) return []
    const told = document && (document.tombstone ? 'release' : 'keep')
    return [{ node, epoch: Math.max(document?.versions.epoch ?? 0, report?.versions.epoch ?? 0), told, report }]
  })
}

/** Whether a node of its store that is heard says that it has all bytes. @param by the action that makes it */
export function isReportedWhole(image: Image, deps: Deps, by: InstanceAction): boolean {
  return listHolders(image, deps).some(
    (holder) => deps.bus.heartbeats.pulse(holder.node) !== 'silent' && bytesOf(image, holder, deps, by) !== undefined,
  )
}

/**
 * What nodes keep of one whose status does not have its digest; undefined: nothing, or what is under way.
 *
 * | its node was told, or was chosen | its document | it says  |                                                     |
 * |----------------------------------|--------------|----------|-----------------------------------------------------|
 * | yes                              | any          | ready    | known, by its report                                |
 * | yes                              | says no `from` | not gone | known, by the document: it had it whole           |
 * | yes                              | says `from`  | nothing  | unclear                                             |
 * | yes                              | says `from`  | else     | not whole yet                                       |
 * | no                               |              | ready    | unclear: any node could say that                    |
 *
 * @param by the action that makes it, where there is one: once that has the digest, no report of other bytes counts
 */
export async function findKept(image: Image, deps: Deps, by?: InstanceAction): Promise<Kept | undefined> {
  const { uid } = image.metadata
  const copies: Extract<Kept, { kind: 'known' }>['copies'] = []
  let bytes: Bytes | undefined
  let unclear: string | undefined
  for (const holder of listHolders(image, deps)) {
    const { node, epoch, told, report } = holder
    if (told === 'release' || report?.state === 'gone') continue
    if (deps.caches.computeNodes.find(undefined, node)?.spec.lost === 'Wiped') continue
    const said = bytesOf(image, holder, deps, by)
    if (said) {
      bytes = said
      copies.push({ node, epoch, ready: true })
    } else if (told === 'keep') {
      const document = await deps.bus.desired.read(node, 'imagecopy', uid)
      if (document?.kind !== 'imagecopy' || document.tombstone) continue
      const { sha256, sizeBytes, from } = document.spec
      if (from === undefined) {
        bytes ??= { sha256, sizeBytes }
        copies.push({ node, epoch })
      } else if (!report) unclear = `node ${node} was told to keep it, and has not said whether it does`
    } else if (report?.state === 'ready' && !isConfirmedLost(node, deps))
      unclear = `node ${node} says that it has its bytes, and was not told to keep them`
  }
  if (bytes) return { kind: 'known', bytes, copies }
  if (unclear === undefined) return undefined
  const message = `${unclear}, but its status has no digest: restore the status, or delete the Image`
  return { kind: 'unclear', outcome: waitFor('OwnershipUnclear', message) }
}

/** By the node's report, where it is one to be believed. */
function bytesOf(
  { status }: Image,
  { node, told, report }: Holder,
  deps: Deps,
  by: InstanceAction | undefined,
): Bytes | undefined {
  if (report?.state !== 'ready' || told === 'release' || isConfirmedLost(node, deps)) return undefined
  // Whoever serves the store could say it of any Image.
  if (told !== 'keep' && status?.copies?.some((copy) => copy.node === node) !== true) return undefined
  const { sha256, sizeBytes } = report.facts
  if (sha256 === undefined || sizeBytes === undefined) return undefined
  const captured = by?.status?.snapshot
  if (captured?.sha256 !== undefined && captured.sha256 !== sha256) return undefined
  return { sha256, sizeBytes }
}
