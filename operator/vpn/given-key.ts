// SPDX-License-Identifier: Apache-2.0
import type { VPNConnection, VPNService } from '../../lib/api/types.ts'
import type { Bus } from '../bus/bus.ts'
import type { VPNKey } from './key-store.ts'

/** The key that its node has: an operator that has just begun takes down no tunnel whose Secret is gone. @throws TransientError `BusUnavailable` */
export async function givenKey(
  { metadata }: VPNConnection,
  service: VPNService,
  { bus }: { bus: Bus },
): Promise<VPNKey | undefined> {
  const { node } = service.status ?? {}
  if (node === undefined || bus.desired.find(node, 'vpn', service.metadata.uid)?.tombstone !== false) return undefined
  const document = await bus.desired.read(node, 'vpn', service.metadata.uid)
  if (document?.kind !== 'vpn' || document.tombstone) return undefined
  const { connections, certificates = {} } = document.spec
  const { sealedKey, certificate: id = '' } = connections.find(({ uid }) => uid === metadata.uid) ?? {}
  const certificate = certificates[id]
  if (certificate) return { given: { node, sealedKey: certificate.sealedKey, certificate: { ...certificate, id } } }
  return sealedKey === undefined ? undefined : { given: { node, sealedKey } }
}
