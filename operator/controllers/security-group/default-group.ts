// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, GROUP, MANAGED_BY, MANAGED_BY_LABEL, SECURITY_GROUP, VERSION } from '../../../lib/api/kinds.ts'
import type { Cloud, SecurityGroup, SecurityGroupRule } from '../../../lib/api/types.ts'
import type { KubeWriter, NewObject } from '../../../lib/kube/client.ts'
import { isAlreadyExists } from '../../../lib/kube/errors.ts'
import type { Caches } from '../../kind/row.ts'

export const DEFAULT_GROUP = 'default'

/** Creates a namespace's `default` group when first needed, with the rules that the Cloud has for it. Users may change it. */
export async function ensureDefaultGroup(
  namespace: string,
  { clouds, securityGroups }: Pick<Caches, 'clouds' | 'securityGroups'>,
  client: Pick<KubeWriter, 'create'>,
): Promise<void> {
  if (securityGroups.find(namespace, DEFAULT_GROUP)) return
  try {
    await client.create(SECURITY_GROUP, defaultGroup(namespace, clouds.find(undefined, CLOUD_NAME)))
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

function defaultGroup(namespace: string, cloud: Cloud | undefined): NewObject<SecurityGroup> {
  const ofCloud = cloud?.spec.defaultSecurityGroupRules
  const meaning = ofCloud ? 'as the cloud has it' : 'everything out, in only from members of this group'
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: SECURITY_GROUP.kind,
    metadata: { name: DEFAULT_GROUP, namespace, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
    spec: {
      description: `For Ports that name no group: ${meaning}.`,
      rules: (ofCloud ?? OUT_AND_MEMBERS).map(toRule),
    },
  }
}

type DefaultRule = NonNullable<Cloud['spec']['defaultSecurityGroupRules']>[number]

/** As in Neutron. */
const OUT_AND_MEMBERS: readonly DefaultRule[] = [
  { direction: 'egress', etherType: 'IPv4' },
  { direction: 'egress', etherType: 'IPv6' },
  { direction: 'ingress', etherType: 'IPv4', remoteMembers: true },
  { direction: 'ingress', etherType: 'IPv6', remoteMembers: true },
]

function toRule({ remoteMembers, ...rule }: DefaultRule): SecurityGroupRule {
  return remoteMembers === true ? { ...rule, remoteGroupRef: { name: DEFAULT_GROUP } } : rule
}
