// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer, Subnet } from '../../../lib/api/types.ts'
import { servicePortMac } from '../../../lib/contract/service-port.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import { found, type Found } from '../../kind/found.ts'
import { claimFrom } from '../port/claim-address.ts'
import { asked, type AddressDeps } from './address.ts'
import { holderOfBalancer } from './kind.ts'

export interface ProxyAddresses {
  /** Where requests go: of whichever proxy serves. */
  sharedAddress: string
  /** Each proxy's own. */
  proxies: readonly { node: string; ipAddress: string }[]
  /** What keeps a node without one; it runs none. */
  lacks: readonly Outcome[]
}

/** As which each of them is held: more than there are proxies, since one that has to go keeps its own until its node has let go. */
const SHARED = 'ProxyAddress'
const OWN = ['FirstProxy', 'SecondProxy', 'ThirdProxy', 'FourthProxy'] as const

/** Of an address of a balancer's proxies: what its owner is called. */
export function isProxyHolder(kind: string): boolean {
  return [SHARED, ...OWN].some((one) => one === kind)
}

function holderAs(balancer: LoadBalancer, kind: typeof SHARED | (typeof OWN)[number]): ClaimHolder {
  return { ...holderOfBalancer(balancer), kind }
}

/**
 * One without an address keeps nobody from those that have theirs.
 * @param nodes at most as many as there are of OWN
 */
export async function claimProxies(
  balancer: LoadBalancer,
  subnet: Subnet,
  nodes: readonly string[],
  deps: AddressDeps,
): Promise<Found<ProxyAddresses>> {
  const { uid } = balancer.metadata
  const claim = (kind: typeof SHARED | (typeof OWN)[number], had: string | undefined, place: string) =>
    claimFrom(
      subnet,
      holderAs(balancer, kind),
      {
        ...asked(had, 'the address of its proxies'),
        mac: servicePortMac(uid, place),
      },
      deps,
    )
  const shared = await claim(SHARED, balancer.status?.proxyAddress, 'shared')
  if (!shared.ok) return shared
  const placed = listPlaced(balancer)
  const hadBy = (node: string) => placed.find((one) => one.node === node)?.ipAddress
  const holds = (kind: (typeof OWN)[number], address: string | undefined) =>
    address !== undefined && deps.addresses.has(subnet.metadata.uid, holderAs(balancer, kind), address)
  const taken = new Set(placed.flatMap(({ ipAddress }) => OWN.filter((kind) => holds(kind, ipAddress))))
  const free = OWN.filter((kind) => !taken.has(kind))
  const proxies: ProxyAddresses['proxies'][number][] = []
  const lacks: Outcome[] = []
  for (const node of nodes) {
    const had = hadBy(node)
    const kind = OWN.find((one) => holds(one, had)) ?? free.shift()
    if (!kind) {
      lacks.push(
        waitFor('Releasing', `node ${node} gets a proxy once those of status.pendingReleases let go of theirs`),
      )
      continue
    }
    const address = await claim(kind, had, node)
    if (address.ok) proxies.push({ node, ipAddress: address.object.address })
    else lacks.push(address.outcome)
  }
  return found({ sharedAddress: shared.object.address, proxies, lacks })
}

/** Those that may run one, and the addresses that they know. */
function listPlaced({ status }: LoadBalancer): readonly { node: string; ipAddress?: string }[] {
  return [...(status?.proxies ?? []), ...(status?.pendingReleases ?? [])]
}

/** Gives back the addresses of proxies whose nodes have let go. */
export async function releaseIdle(balancer: LoadBalancer, { addresses }: AddressDeps): Promise<void> {
  const used = listPlaced(balancer).map(({ ipAddress }) => ipAddress)
  const held = OWN.flatMap((kind) => addresses.listHeld(holderAs(balancer, kind)))
  await addresses.release(held.filter(({ entry }) => !used.includes(entry.address)))
}

export async function releaseProxies(balancer: LoadBalancer, { addresses }: AddressDeps): Promise<void> {
  const held = [SHARED, ...OWN].flatMap((kind) => addresses.listHeld(holderAs(balancer, kind as typeof SHARED)))
  await addresses.release(held)
}
