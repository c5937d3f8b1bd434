// SPDX-License-Identifier: Apache-2.0
// The port by which a service that the cloud runs on a node stands in a network of a tenant. The operator makes its row, the agent its namespace.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { mac, uid } from './fields.ts'
import { metadataMac } from './metadata-port.ts'

const address = z.union([z.ipv4(), z.ipv6()])

/** Part of the document of a service. */
export const ServicePort = z.looseObject({
  /** In OVN's northbound database. */
  logicalPort: z.string().regex(/^service-[a-z0-9-]{1,80}$/),
  networkUid: uid,
  mac,
  mtu: z.int().min(576).max(9000),
  addresses: z
    .array(z.looseObject({ address, prefixLength: z.int().min(0).max(128) }))
    .min(1)
    .max(4),
  /** Who leads further, at most one of each family. */
  gateways: z.array(address).max(2),
})
export type ServicePort = z.infer<typeof ServicePort>

/** A service has at most one port on a node. Its row goes with its place on the node: another node has another one. */
export function servicePortName(serviceUid: string, node: string): string {
  const place = createHash('sha256').update(node).digest('hex').slice(0, 8)
  return `service-${serviceUid}-${place}`
}

export function servicePortMac(serviceUid: string, node: string): string {
  return metadataMac(servicePortName(serviceUid, node))
}
