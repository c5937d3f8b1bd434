// SPDX-License-Identifier: Apache-2.0
// A project's networks as a tree: external Networks, the Routers on them, the Networks behind those, and who is on each. Pure.
import type { FloatingIP, Instance, LoadBalancer, Network, Port, Router, Subnet } from '../../lib/api/types.ts'
import { keyOfRef, type CommonStatus, type KubeObject } from '../../lib/kube/object.ts'

export type NodeKind = 'external' | 'router' | 'network' | 'instance' | 'balancer' | 'group'

export interface TopologyNode {
  kind: NodeKind
  /** Such as `Router main`. */
  title: string
  /** Addresses, state: what stands beside the title. */
  facts: string[]
  /** Not Ready. */
  isTroubled: boolean
  children: TopologyNode[]
}

export interface Found {
  networks: readonly Network[]
  subnets: readonly Subnet[]
  routers: readonly Router[]
  instances: readonly Instance[]
  ports: readonly Port[]
  floatingIPs: readonly FloatingIP[]
  loadBalancers: readonly LoadBalancer[]
}

/** What the project of the namespace has; of other namespaces only what it names. */
export function topologyOf(namespace: string, found: Found): TopologyNode[] {
  const drawn = new Set<string>()
  const byName = <T extends KubeObject>(list: readonly T[]) =>
    [...list].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const routers = byName(found.routers)
  const outside = Map.groupBy(routers, ({ spec }) => {
    const ref = spec.externalGateway?.networkRef
    return ref && keyIn(ref)
  })
  const roots: TopologyNode[] = []
  for (const [key, behind] of outside)
    if (key !== undefined)
      roots.push({
        kind: 'external',
        title: `external Network ${shown(key)}`,
        facts: [],
        isTroubled: false,
        children: behind.map(routerNode),
      })
  roots.push(...(outside.get(undefined) ?? []).map(routerNode))
  roots.push(
    ...byName(found.networks)
      .filter(({ metadata }) => !drawn.has(keyOfRef(metadata)))
      .map((one) => networkNode(keyOfRef(one.metadata))),
  )
  const elsewhere = byName(found.instances).filter(({ metadata }) => !drawn.has(`instance ${metadata.name}`))
  const onNone = elsewhere.filter(({ spec }) => !spec.networks?.length)
  if (onNone.length > 0)
    roots.push({
      kind: 'group',
      title: 'on no Network',
      facts: [],
      isTroubled: false,
      children: onNone.map((one) => instanceNode(one)),
    })
  const named = new Set(elsewhere.flatMap((one) => networksOf(one)))
  roots.push(
    ...[...named]
      .filter((key) => !drawn.has(key))
      .sort()
      .map(networkNode),
  )
  return roots

  function shown(key: string): string {
    return key.startsWith(`${namespace}/`) ? key.slice(namespace.length + 1) : key
  }

  function routerNode(router: Router): TopologyNode {
    const { metadata, spec, status } = router
    const gateway = (status?.externalGateway?.fixedIPs ?? []).map(({ ipAddress }) => ipAddress)
    const nodes = status?.gateways ?? []
    const joined = (spec.interfaces ?? []).flatMap(({ subnetRef }) => {
      if (!subnetRef) return []
      const of = { namespace: subnetRef.namespace ?? namespace, name: subnetRef.name }
      const subnet = found.subnets.find((one) => keyOfRef(one.metadata) === keyOfRef(of))
      return [subnet ? keyOfRef({ namespace: of.namespace, name: subnet.spec.networkRef.name }) : undefined]
    })
    const keys = [...new Set(joined.filter((key) => key !== undefined))]
    return {
      ...{ kind: 'router', title: `Router ${metadata.name}`, isTroubled: isTroubled(router) },
      facts: [...gateway, ...(nodes.length > 0 ? [`at ${nodes[0]}`] : [])],
      children: keys.map((key) => (drawn.has(key) ? again(key) : networkNode(key))),
    }
  }

  function again(key: string): TopologyNode {
    return { kind: 'network', title: `Network ${shown(key)}`, facts: ['(above)'], isTroubled: false, children: [] }
  }

  function networkNode(key: string): TopologyNode {
    drawn.add(key)
    const network = found.networks.find(({ metadata }) => keyOfRef(metadata) === key)
    const subnets = byName(
      found.subnets.filter(
        ({ metadata, spec }) => keyOfRef({ namespace: metadata.namespace, name: spec.networkRef.name }) === key,
      ),
    )
    const subnetKeys = new Set(subnets.map(({ metadata }) => keyOfRef(metadata)))
    const on = byName(found.instances).filter((one) => networksOf(one).includes(key))
    for (const { metadata } of on) drawn.add(`instance ${metadata.name}`)
    const balancers = byName(found.loadBalancers).filter(({ metadata, spec }) =>
      subnetKeys.has(keyOfRef({ namespace: metadata.namespace, name: spec.vip.subnetRef.name })),
    )
    return {
      ...{ kind: 'network', title: `Network ${shown(key)}`, isTroubled: network !== undefined && isTroubled(network) },
      facts: subnets.flatMap(({ spec, status }) => status?.cidr ?? spec.cidr ?? []),
      children: [...on.map((one) => instanceNode(one, key)), ...balancers.map(balancerNode)],
    }
  }

  /** Those that its spec names, and those of its Ports. */
  function networksOf({ metadata, spec }: Instance): string[] {
    const asked = (spec.networks ?? []).flatMap(({ networkRef }) => (networkRef ? [keyIn(networkRef)] : []))
    const had = found.ports.filter(({ status }) => status?.instance?.uid === metadata.uid)
    return [...new Set([...asked, ...had.map(({ spec: of }) => keyIn(of.networkRef))])]
  }

  function keyIn(ref: { namespace?: string; name: string }): string {
    return keyOfRef({ namespace: ref.namespace ?? namespace, name: ref.name })
  }

  function instanceNode({ metadata, status }: Instance, networkKey?: string): TopologyNode {
    const ports = found.ports.filter((port) => port.status?.instance?.uid === metadata.uid)
    const here = ports.filter(({ spec }) => keyIn(spec.networkRef) === networkKey)
    const facts = here.flatMap((port) =>
      (port.status?.fixedIPs ?? []).map(({ ipAddress }) => withFloating(port, ipAddress)),
    )
    return {
      ...{
        kind: 'instance',
        title: `Instance ${metadata.name}`,
        isTroubled: isTroubled({ metadata, status }),
        children: [],
      },
      facts: [status?.state ?? 'new', ...facts],
    }
  }

  function withFloating({ metadata }: Port, ipAddress: string): string {
    const leads = found.floatingIPs.find(
      ({ status }) => status?.portUID === metadata.uid && status.fixedIPAddress === ipAddress,
    )
    return leads?.status?.ipAddress === undefined ? ipAddress : `${ipAddress} <- ${leads.status.ipAddress}`
  }

  function balancerNode(balancer: LoadBalancer): TopologyNode {
    const { metadata, status } = balancer
    const leads = found.floatingIPs.find((one) => one.status?.loadBalancerUID === metadata.uid)?.status?.ipAddress
    const vip = status?.vipAddress
    return {
      ...{ kind: 'balancer', title: `LoadBalancer ${metadata.name}`, isTroubled: isTroubled(balancer), children: [] },
      facts: vip === undefined ? [] : [leads === undefined ? vip : `${vip} <- ${leads}`],
    }
  }
}

function isTroubled({ status }: KubeObject<unknown, CommonStatus>): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is !== 'True') ?? true
}
