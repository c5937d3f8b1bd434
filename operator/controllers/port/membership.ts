// SPDX-License-Identifier: Apache-2.0
import type { Port, SecurityGroup } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { KubeWriter } from '../../../lib/kube/client.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { allMissing, missing } from '../../kind/found.ts'
import { resolve } from '../../kind/resolve.ts'
import { ensureDefaultGroup } from '../security-group/default-group.ts'
import { isStateful } from '../security-group/kind.ts'
import { securityGroupRefsOf } from './groups.ts'
import { securityGroup } from './kind.ts'

export interface Membership {
  /** UIDs of those of the port's groups that can be found. */
  uids: string[]
  /** Why the port is not a member of all groups that it names. */
  lacks: Outcome | undefined
}

/**
 * The groups that the port names. An existing port joins those that can be found, since each group only allows more traffic. A group that
 * is no longer shared keeps its present members.
 * @throws TerminalError `MixedGroups`
 * @param isSecured false: no port security, hence no groups
 */
export async function resolveGroups(
  port: Port,
  isSecured: boolean,
  deps: Pick<OperatorDeps, 'caches'>,
  run: { client: Pick<KubeWriter, 'create'> },
): Promise<Membership> {
  const namespace = port.metadata.namespace ?? ''
  if (!isSecured) return { uids: [], lacks: undefined }
  if (port.spec.securityGroupRefs === undefined) await ensureDefaultGroup(namespace, deps.caches, run.client)
  const groups: SecurityGroup[] = []
  const lacks: Outcome[] = []
  for (const named of securityGroupRefsOf(port)) {
    const { ref } = named
    const group = resolve(securityGroup, port, named, deps.caches)
    if (!group.ok) lacks.push(group.outcome)
    else if (group.object.status?.state === undefined)
      lacks.push(missing('SecurityGroupNotReady', `waiting for SecurityGroup ${ref.name}`).outcome)
    else groups.push(group.object)
  }
  assertOfOneSort(groups)
  return { uids: groups.map(({ metadata }) => metadata.uid), lacks: allMissing(lacks)?.outcome }
}

/**
 * As in Neutron: what a stateless rule matches is tracked in neither direction, so that answers to what a rule of a stateful group let pass
 * would be lost.
 * @throws TerminalError `MixedGroups`
 */
function assertOfOneSort(groups: readonly SecurityGroup[]): void {
  const stateful = groups.find(isStateful)
  const stateless = groups.find((group) => !isStateful(group))
  if (!stateful || !stateless) return
  const names = `SecurityGroup ${keyOfObject(stateful)} is stateful and ${keyOfObject(stateless)} is stateless`
  throw new TerminalError('MixedGroups', `${names}: name groups of one sort alone in spec.securityGroupRefs`)
}
