// SPDX-License-Identifier: Apache-2.0
// For tests of LoadBalancers with HTTP listeners: a Router that joins Subnet `front`, 10.0.1.0/24, and gateway nodes.
import type { ComputeNode, LoadBalancer, Network, Router, Subnet } from '../../lib/api/types.ts'
import type { Outcome } from '../../lib/outcome.ts'
import { reconcileLoadBalancer } from '../controllers/load-balancer/reconcile.ts'
import { reconcileNetwork } from '../controllers/network/reconcile.ts'
import { reconcileRouter } from '../controllers/router/reconcile.ts'
import { reconcileSubnet } from '../controllers/subnet/reconcile.ts'
import { memoryWorld, stored, type MemoryWorld } from './memory-deps.ts'

export const LISTENER = {
  ...{ name: 'web', protocol: 'http' as const, port: 80, members: [{ ipAddress: '10.0.1.50', port: 8080 }] },
  healthMonitor: { path: '/health', intervalSeconds: 2 },
  proxyProtocol: 'v1' as const,
}

export function httpBalancer(listener: LoadBalancer['spec']['listeners'][number]): LoadBalancer {
  return stored<LoadBalancer>('shop', { vip: { subnetRef: { name: 'front' } }, listeners: [listener] })
}

export interface BalancerWorld extends MemoryWorld {
  /** Or changes it. */
  addNode(name: string, spec?: ComputeNode['spec']): void
  /** Until nothing is to be saved. */
  step(balancer: LoadBalancer): Promise<Outcome>
}

export async function balancerWorld(allocationPools?: Subnet['spec']['allocationPools']): Promise<BalancerWorld> {
  const w = memoryWorld()
  const network = stored<Network>('net', {})
  await reconcileNetwork(network, w.deps, w.run)
  w.put('networks', network)
  const subnet = stored<Subnet>('front', {
    ...{ networkRef: { name: 'net' }, cidr: '10.0.1.0/24' },
    ...(allocationPools ? { allocationPools } : {}),
  })
  await reconcileSubnet(subnet, w.deps, w.run)
  w.put('subnets', subnet)
  const router = stored<Router>('r', { interfaces: [{ subnetRef: { name: 'front' } }] })
  await reconcileRouter(router, w.deps, w.run)
  w.put('routers', router)
  return Object.assign(w, {
    addNode: (name: string, spec: ComputeNode['spec'] = {}) => {
      const status = { roles: ['gateway' as const], state: 'up' as const }
      w.put('computeNodes', stored<ComputeNode>(name, spec, { namespace: '', status }))
    },
    step: async (one: LoadBalancer): Promise<Outcome> => {
      for (let n = 0; n < 5; n++) {
        const outcome = await reconcileLoadBalancer(one, w.deps, w.run)
        w.put('loadBalancers', one)
        if (outcome.kind !== 'saved') return outcome
      }
      throw new Error('it decides something new for ever')
    },
  })
}
