// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import type { InstanceDocument } from '../../../lib/contract/documents.ts'
import type { InstanceDeps } from './deps.ts'

/**
 * The document that the machine's node was given for this placement, or undefined. This reads from the bus, so call it only when something
 * does not resolve. @throws TransientError `BusUnavailable`
 */
export async function findGiven(
  { metadata, status }: Instance,
  { bus }: Pick<InstanceDeps, 'bus'>,
): Promise<InstanceDocument | undefined> {
  const { node, epoch } = status ?? {}
  if (node === undefined) return undefined
  const entry = bus.desired.find(node, 'instance', metadata.uid)
  if (!entry || entry.tombstone || entry.versions.epoch !== epoch) return undefined
  const document = await bus.desired.read(node, 'instance', metadata.uid)
  return document?.kind === 'instance' && !document.tombstone ? document : undefined
}
