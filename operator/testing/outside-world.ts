// SPDX-License-Identifier: Apache-2.0
// What routers' gateways and floating IPs need, in memory: an external network that is physical, a tenant's, and nodes.
import type { ComputeNode, Network, Port, Router, Subnet } from '../../lib/api/types.ts'
import type { Outcome } from '../../lib/outcome.ts'
import { reconcileRouter } from '../controllers/router/reconcile.ts'
import { memoryWorld, stored, type MemoryWorld } from './memory-deps.ts'

export interface OutsideWorld extends MemoryWorld {
  addNetwork(name: string, spec?: Network['spec'], more?: object): Network
  subnet(name: string, network: string, cidr: string, more?: object): Subnet
  node(
    name: string,
    more?: { roles?: string[]; physical?: string[]; state?: 'up' | 'down'; zone?: string; spec?: object },
  ): void
  port(name: string, address: string, more?: { node?: string; subnet?: string }): Port
  step(router: Router): Promise<Outcome>
}

/** `public` (203.0.113.0/24, physical network physnet1) in namespace `admin`, shared with all; `lan` (10.0.0.0/24) in `ns`; node `g1`. */
export function outsideWorld(): OutsideWorld {
  const world = memoryWorld()
  const outside: OutsideWorld = {
    ...world,
    addNetwork(name, spec = {}, more = {}) {
      const physical = spec.provider ? { physicalNetwork: 'physnet1' } : {}
      const status = {
        state: 'ACTIVE' as const,
        logicalSwitch: `uid-${name}`,
        mtu: spec.provider ? 1500 : 1442,
        ...physical,
      }
      const network = world.put('networks', stored<Network>(name, spec, { status, ...more }))
      void world.network.ensure({
        kind: 'Network',
        uid: network.metadata.uid,
        namespace: '',
        name,
        generation: 1,
        mtu: 1442,
      })
      return network
    },
    subnet(name, network, cidr, more = {}) {
      const subnet = stored<Subnet>(
        name,
        { networkRef: { name: network }, cidr },
        { status: { state: 'ACTIVE' }, ...more },
      )
      return world.put('subnets', subnet)
    },
    node(name, { roles = ['gateway'], physical = ['physnet1'], state = 'up', zone, spec = {} } = {}) {
      const status = {
        roles,
        state,
        inventory: { physicalNetworks: physical },
        ...(zone === undefined ? {} : { zone }),
      }
      world.put('computeNodes', stored<ComputeNode>(name, spec, { namespace: '', status }))
    },
    port(name, address, { node, subnet = 'lan' } = {}) {
      const fixedIPs = [{ subnet, ipAddress: address, prefixLength: 24 }]
      const status = { fixedIPs, networkUID: 'uid-lan', ...(node === undefined ? {} : { node }) }
      return world.put('ports', stored<Port>(name, { networkRef: { name: 'lan' } }, { status }))
    },
    async step(router) {
      const outcome = await reconcileRouter(router, world.deps, world.run)
      world.put('routers', router)
      return outcome
    },
  }
  const all = { namespace: 'admin' }
  const provider = { providerNetworkRef: { name: 'physnet1' } }
  outside.addNetwork('public', { external: true, provider, sharedWith: [{ namespace: '*' }] }, all)
  outside.subnet('public', 'public', '203.0.113.0/24', all)
  outside.addNetwork('lan')
  outside.subnet('lan', 'lan', '10.0.0.0/24')
  outside.node('g1')
  return outside
}
