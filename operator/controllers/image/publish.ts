// SPDX-License-Identifier: Apache-2.0
// Nodes are told of an Image by its own controller, and by those of machines.
import type { Image, InstanceAction } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { imageCopyDocument, imageDocument } from './document.ts'
import { givenReadersOf } from './publish-readers.ts'
import { isStored, listReady, NO_SERVER, toReaders, urlOn, type SourceCaches } from './source-of.ts'
import { nodesToldOf } from './told.ts'

type PublishDeps = Pick<OperatorDeps, 'bus' | 'caches' | 'writer'>
export type Bytes = Required<Pick<NonNullable<Image['status']>, 'sha256' | 'sizeBytes'>>

/** Where one is stored, who keeps it hears first that the node may read it, and by which key. */
export async function publishImage(image: Image, node: string, deps: PublishDeps): Promise<void> {
  const tell = () => deps.bus.desired.publish(imageDocument(image, node, deps.writer(), sourceFacts(deps)))
  const { sha256, sizeBytes } = image.status ?? {}
  if (!isStored(image) || sha256 === undefined || sizeBytes === undefined || isKnownReader(image, node, deps))
    return tell()
  // No other list between that one and the document by which the node is in all later ones.
  return givenReadersOf(image.metadata.uid, deps.bus.desired).writes.run(async () => {
    if (!isKnownReader(image, node, deps)) await tellCopies(image, { sha256, sizeBytes }, deps, { alsoTo: node })
    await tell()
  })
}

/** @param by of one that no store has yet: who made it, whose node has it */
export async function publishCopies(
  image: Image,
  bytes: Bytes,
  deps: PublishDeps,
  { by }: { by?: InstanceAction | undefined } = {},
): Promise<void> {
  await givenReadersOf(image.metadata.uid, deps.bus.desired).writes.run(() => tellCopies(image, bytes, deps, { by }))
}

/** Do all that keep it let the node in by its present key, and not at all where it has none or was given up? */
function isKnownReader(image: Image, node: string, { bus, caches }: PublishDeps): boolean {
  const { uid } = image.metadata
  const key = toReaders([node], caches)[0]?.key
  const given = givenReadersOf(uid, bus.desired)
  const copies = image.status?.copies ?? []
  return copies.every((copy) => given.says(copy.node, node, key, bus.desired.find(copy.node, 'imagecopy', uid)))
}

async function tellCopies(
  image: Image,
  bytes: Bytes,
  deps: PublishDeps,
  { alsoTo, by }: { alsoTo?: string; by?: InstanceAction | undefined },
): Promise<void> {
  const { uid } = image.metadata
  const { copies = [] } = image.status ?? {}
  const store = image.spec.source.snapshot?.imageStoreRef.name ?? ''
  for (const { node, epoch, ready } of copies) {
    // Anew for each: keys may have changed while the one before was written.
    const users = [...nodesToldOf(image, deps), ...(alsoTo === undefined ? [] : [alsoTo])]
    const readers = toReaders([...users, ...copies.map((copy) => copy.node)], deps.caches)
    // A document without it says that the node has all bytes (./stored-on-nodes.ts).
    const from = ready === true ? undefined : (findServer(image, by, deps) ?? NO_SERVER)
    const facts = { node, epoch, store, ...bytes, from, readers }
    await deps.bus.desired.publish(imageCopyDocument(image, facts, deps.writer()))
    givenReadersOf(uid, deps.bus.desired).note(node, readers, deps.bus.desired.find(node, 'imagecopy', uid))
  }
}

function sourceFacts({ bus, caches }: PublishDeps): SourceCaches {
  return { computeNodes: caches.computeNodes, isSilent: (node) => bus.heartbeats.pulse(node) === 'silent' }
}

/** A copy that there is, those of silent nodes last, and of the first the machine's node. */
function findServer(image: Image, by: InstanceAction | undefined, deps: PublishDeps) {
  const { caches } = deps
  const isSilent = (node: string) => sourceFacts(deps).isSilent?.(node) === true
  const ready = listReady(image).map(({ node }) => node)
  const nodes = [...ready.filter((node) => !isSilent(node)), ...ready.filter(isSilent), by?.status?.node]
  for (const node of nodes) {
    const url = node === undefined ? undefined : urlOn(node, image.metadata.uid, caches)
    if (node !== undefined && url !== undefined) return { node, url }
  }
  return undefined
}
