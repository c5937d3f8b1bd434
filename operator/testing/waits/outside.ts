// SPDX-License-Identifier: Apache-2.0
import type { QuietCloud } from '../quiet-cloud.ts'

export const legs = (...names: string[]) => ({ interfaces: names.map((name) => ({ subnetRef: { name } })) })

export const PUBLIC = { networkRef: { name: 'public' } }
export const out = (...names: string[]) => ({ ...legs(...names), externalGateway: PUBLIC })
export const GATEWAY = { 'nephele.dev/network': 'gateway' }
export const public_ = (c: QuietCloud, spec: object = { external: true }) => {
  c.make('networks', 'public', spec)
  c.subnet('public', { ...PUBLIC, cidr: '203.0.113.0/29', dhcp: { enabled: false } })
}
export const gatewayNode = (c: QuietCloud) => c.addNode('g1', {}, {}, GATEWAY)
export const routed = (c: QuietCloud) => {
  gatewayNode(c)
  public_(c)
  c.make('routers', 'r', out('lan-v4'))
}
