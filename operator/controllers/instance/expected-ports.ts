// SPDX-License-Identifier: Apache-2.0
import { GROUP, PORT, VERSION } from '../../../lib/api/kinds.ts'
import type { Image, Instance, Port } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { listNics, portKeyOf } from './nics.ts'
import { vnicOf } from './ports.ts'

/** The machine's Ports, and for interfaces without one what would be made: as much of it as decides where the machine may go. */
export function expectedPorts(
  instance: Instance,
  image: Pick<Image, 'spec'>,
  { ports }: Pick<Caches, 'ports'>,
): { ports: Port[]; missing: number } {
  const all = listNics(instance).map((nic) => {
    const known = ports.findByKey(portKeyOf(instance, nic))
    if (known) return { port: known, isThere: true }
    const { networkRef = { name: '' }, vnicType = vnicOf(image.spec.properties) } = nic.want
    const { namespace, uid } = instance.metadata
    const port: Port = {
      ...{ apiVersion: `${GROUP}/${VERSION}`, kind: PORT.kind },
      metadata: { name: nic.portName, namespace, uid: `${uid}/${nic.slot}`, resourceVersion: '' },
      spec: { networkRef, vnicType },
    }
    return { port, isThere: false }
  })
  return { ports: all.map(({ port }) => port), missing: all.filter(({ isThere }) => !isThere).length }
}
