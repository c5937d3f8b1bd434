// SPDX-License-Identifier: Apache-2.0
// A router with a gateway and two networks as ovn-nbctl writes it, of which the operator knows nothing: what of the time is OVN's own. Its
// rows are as many as ours, but for names and DHCP, and its external switch is its own, which no other router is on.
import { nbctl } from '../../e2e/harness/northbound.ts'
import { OUTSIDE_DEVICE, outsideGateway } from '../../e2e/harness/outside.ts'
import { PHYSICAL_NETWORK } from '../../local/cloud/external-network.ts'
import type { BenchCloud } from './bench-cloud.ts'

const OPTIONS = ['options:always_learn_from_arp_request=false', 'options:dynamic_neigh_routers=true']

/** One after the other: each is taken away by its end. */
export class BareRouters {
  readonly #cloud: BenchCloud
  readonly address: string
  #made = 0

  /** @param address outside of the pool of the external Subnet */
  constructor(cloud: BenchCloud, address: string) {
    this.#cloud = cloud
    this.address = address
  }

  /** The networks that the next one joins, and the one outside. */
  async makeNetworks(): Promise<void> {
    this.#made++
    const outside = ['ls-add', 'bare-ext', ...port('bare-ext', 'bare-net', 'localnet', 'unknown')]
    const options = ['--', 'lsp-set-options', 'bare-net', `network_name=${PHYSICAL_NETWORK}`]
    const networks = [0, 1].flatMap((half) => ['--', 'ls-add', `bare-${half}`])
    await nbctl(this.#cloud, ...outside, ...options, ...networks)
    // Nobody outside knows the address yet, as it is with one of ours: each of these has a MAC address of its own.
    await outsideGateway(this.#cloud).within(['ip', 'neighbour', 'flush', 'to', this.address, 'dev', OUTSIDE_DEVICE])
  }

  /** In one transaction, as the operator makes one. The southbound role lets a node claim what names it in external_ids. */
  async make(): Promise<void> {
    const { networkNode } = this.#cloud
    const mac = (leg: number) => `0a:00:00:00:${hex(leg)}:${hex(this.#made)}`
    const router = ['lr-add', 'bare', '--', 'set', 'Logical_Router', 'bare', ...OPTIONS]
    const gateway = ['--', 'lrp-add', 'bare', 'bare-out', mac(2), `${this.address}/24`]
    const nodes = ['--', 'lrp-set-gateway-chassis', 'bare-out', networkNode, '100']
    const claim = ['--', 'set', 'Logical_Router_Port', 'bare-out', `external_ids:nephele_gateway_1=${networkNode}`]
    const route = ['--', 'lr-route-add', 'bare', '0.0.0.0/0', this.address.replace(/\d+$/, '1'), 'bare-out']
    const legs = [0, 1].flatMap((half) => [
      ...['--', 'lrp-add', 'bare', `bare-leg-${half}`, mac(half), `10.25${half}.0.1/24`],
      ...['--', 'lr-nat-add', 'bare', 'snat', this.address, `10.25${half}.0.0/24`],
      ...port(`bare-${half}`, `bare-end-${half}`, 'router', 'router'),
      ...['--', 'lsp-set-options', `bare-end-${half}`, `router-port=bare-leg-${half}`],
    ])
    const joint = port('bare-ext', 'bare-joint', 'router', 'router')
    const options = ['--', 'lsp-set-options', 'bare-joint', 'router-port=bare-out', 'nat-addresses=router']
    await nbctl(this.#cloud, ...router, ...gateway, ...nodes, ...claim, ...route, ...legs, ...joint, ...options)
  }

  async remove(): Promise<void> {
    const switches = ['bare-ext', 'bare-0', 'bare-1'].flatMap((name) => ['--', '--if-exists', 'ls-del', name])
    await nbctl(this.#cloud, '--if-exists', 'lr-del', 'bare', ...switches)
  }
}

function port(network: string, name: string, type: string, addresses: string): string[] {
  return ['--', 'lsp-add', network, name, '--', 'lsp-set-type', name, type, '--', 'lsp-set-addresses', name, addresses]
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
