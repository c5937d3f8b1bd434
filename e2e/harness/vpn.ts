// SPDX-License-Identifier: Apache-2.0
// Two sites and what joins them: Routers with gateways, VPNServices, and connections with a key that a Secret holds.
import { ROUTER, SECRET, VPN_CONNECTION, VPN_KEY_LABEL, VPN_SERVICE } from '../../lib/api/kinds.ts'
import type { Secret, VPNConnection, VPNService } from '../../lib/api/types.ts'
import * as draft from './objects.ts'
import type { Project } from './project.ts'
import { PUBLIC } from './public.ts'
import { waitForObject, waitForReady } from './wait.ts'

/** A Secret `name` with this key, which the operator may read. */
export function putKey(project: Project, name: string, psk: string): Promise<void> {
  return putVPNSecret(project, name, { psk })
}

/** A Secret that VPNConnections may name. */
export async function putVPNSecret(
  project: Project,
  name: string,
  texts: Readonly<Record<string, string>>,
  type = 'Opaque',
): Promise<void> {
  const { client } = project.test
  const data = Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  )
  if (await client.find(SECRET, project.at(name))) {
    await client.mergePatch(SECRET, project.at(name), { data })
    return
  }
  const labels = { [VPN_KEY_LABEL]: 'true' }
  await client.create<Secret>(SECRET, { metadata: { ...project.at(name), labels }, type, data })
}

/** A Router of the Subnet, with a gateway, and its VPNService of the same name. @returns the address that peers know */
export async function createSite(project: Project, name: string, subnet: string): Promise<string> {
  const spec = { interfaces: [{ subnetRef: { name: subnet } }], externalGateway: PUBLIC }
  await project.create(ROUTER, draft.router(project.at(name), spec))
  await project.create(VPN_SERVICE, draft.vpnService(project.at(name), { routerRef: { name } }))
  const service = await waitForReady<VPNService>(project.test.client, VPN_SERVICE, project.at(name), 60_000)
  return service.status?.externalIP ?? ''
}

/** Once its status says so. */
export function untilConnection(
  project: Project,
  name: string,
  wanted: { state: string; reason?: string },
  timeoutMs = 60_000,
): Promise<VPNConnection | undefined> {
  const isSo = (one: VPNConnection | undefined) =>
    one?.status?.state === wanted.state &&
    (wanted.reason === undefined ||
      one.status.conditions?.find(({ type }) => type === 'Ready')?.reason === wanted.reason)
  return waitForObject<VPNConnection>(project.test.client, VPN_CONNECTION, project.at(name), isSo, {
    what: `${name} ${wanted.state} ${wanted.reason ?? ''}`,
    timeoutMs,
  })
}
