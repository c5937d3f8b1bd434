// SPDX-License-Identifier: Apache-2.0
// Hosts on a tenant's network with a router to the outside, for what is measured of their traffic.
import { nbctl } from '../../e2e/harness/northbound.ts'
import * as draft from '../../e2e/harness/objects.ts'
import { outsideGateway } from '../../e2e/harness/outside.ts'
import { PUBLIC } from '../../e2e/harness/public.ts'
import { waitForReady, waitUntilTrue } from '../../e2e/harness/wait.ts'
import { FLOATING_IP, PORT, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP } from '../../lib/api/types.ts'
import { openDoor, type Door } from '../../local/commands/ssh.ts'
import type { BenchCloud } from './bench-cloud.ts'

export interface Doors extends AsyncDisposable {
  /** Its port has the policy. */
  limited: Door
  /** Its port is free; a floating IP leads to it. */
  free: Door
  /** `none`: a free port without one. */
  floating: { address: string; none: Door }
  /** Until every rule has the rate. */
  settle(kbps: number): Promise<void>
}

/** @param policy of the limited port, the gateway and the floating IP */
export async function doorsOut(cloud: BenchCloud, policy: string): Promise<Doors> {
  const { client, namespace } = cloud
  const at = (name: string) => ({ namespace, name })
  const qosPolicyRef = { name: policy }
  await client.create(SECURITY_GROUP, draft.securityGroup(at('open'), { rules: [{ direction: 'ingress' }] }))
  const open = (more: object = {}) =>
    openDoor(cloud.cloud, namespace, { name: 'net' }, { securityGroupRefs: [{ name: 'open' }], ...more })
  const [limited, free, none] = [await open({ qosPolicyRef }), await open(), await open()]
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: { ...PUBLIC, qosPolicyRef } }
  await client.create(ROUTER, draft.router(at('r'), spec))
  await waitForReady(client, ROUTER, at('r'))
  await client.create(
    FLOATING_IP,
    draft.floatingIP(at('web'), { ...PUBLIC, qosPolicyRef, portRef: { name: free.netns } }),
  )
  const { status } = await waitForReady<FloatingIP>(client, FLOATING_IP, at('web'))
  const address = status?.ipAddress ?? ''
  for (const { node, netns } of [free, none])
    await cloud.cloud.exec(node, ['ip', 'netns', 'exec', netns, 'ip', 'route', 'add', 'default', 'via', '10.20.0.1'])
  await waitUntilTrue('the way in', async () => (await outsideGateway(cloud).pings(address)) || undefined)
  return {
    ...{ limited, free, floating: { address, none } },
    settle: (kbps) =>
      waitUntilTrue(`rules of ${kbps} kbit/s`, async () => {
        await waitForReady(client, PORT, at(limited.netns))
        const { stdout } = await nbctl(cloud, '--bare', '--columns=bandwidth', '--wait=hv', 'find', 'QoS')
        const rates = [...stdout.matchAll(/rate=(\d+)/g)].map(([, rate]) => Number(rate))
        return (rates.length === 6 && rates.every((rate) => rate === kbps)) || undefined
      }).then(() => undefined),
    async [Symbol.asyncDispose]() {
      for (const door of [limited, free, none]) await door.close()
    },
  }
}
