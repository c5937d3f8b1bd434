// SPDX-License-Identifier: Apache-2.0
import type { Network, Port } from '../../../lib/api/types.ts'
import type { KubeWriter } from '../../../lib/kube/client.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { found, missing, resolve, type Found } from '../common/references.ts'
import { ensureDefaultGroup } from '../security-group/default-group.ts'
import { DEFAULT_GROUP } from './groups.ts'

/** UIDs of the groups that the port is a member of. All must be known to the backend before a port may be plugged: rules come first. */
export async function resolveGroups(
  port: Port,
  network: Network,
  deps: Pick<OperatorDeps, 'caches'>,
  run: { client: Pick<KubeWriter, 'create'> },
): Promise<Found<string[]>> {
  const namespace = port.metadata.namespace ?? ''
  if (!(port.spec.portSecurityEnabled ?? network.spec.portSecurityEnabled ?? true)) return found([])
  if (port.spec.securityGroupRefs === undefined)
    await ensureDefaultGroup(namespace, deps.caches.securityGroups, run.client)
  const uids: string[] = []
  for (const [i, ref] of (port.spec.securityGroupRefs ?? [{ name: DEFAULT_GROUP }]).entries()) {
    const group = resolve({
      cache: deps.caches.securityGroups,
      kind: 'SecurityGroup',
      ref,
      from: namespace,
      field: `spec.securityGroupRefs[${i}]`,
      isKept: port.status?.node !== undefined,
    })
    if (!group.ok) return group
    if (group.object.status?.state === undefined) {
      return missing('SecurityGroupNotReady', `waiting for SecurityGroup ${ref.name}`)
    }
    uids.push(group.object.metadata.uid)
  }
  return found(uids)
}
