// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Caches } from '../../kind/row.ts'
import type { NetworkDriver } from '../../network/network-driver.ts'
import { floatingMac, gatewayMac } from '../../network/own-macs.ts'

interface Deps {
  caches: Caches
  network: Pick<NetworkDriver, 'gatewayNodeOf'>
}

/** At which node an external Network finds a MAC address of ours: a Router's at its gateway, a FloatingIP's or Port's where the machine is. */
export function nodeOfMac(external: Network, mac: string, { caches, network }: Deps): string | undefined {
  const key = keyOfObject(external)
  const router = caches.routers.listBy('gateway', key).find(({ metadata }) => gatewayMac(metadata.uid) === mac)
  if (router) return network.gatewayNodeOf(router.metadata.uid)
  const floating = caches.floatingIPs.listBy('network', key).find(({ metadata }) => floatingMac(metadata.uid) === mac)
  if (floating) return caches.ports.findByUid(floating.status?.portUID ?? '')?.status?.node
  return caches.ports.listBy('network', key).find(({ status }) => status?.macAddress === mac)?.status?.node
}
