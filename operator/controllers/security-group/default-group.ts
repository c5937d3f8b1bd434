// SPDX-License-Identifier: Apache-2.0
import { GROUP, MANAGED_BY, MANAGED_BY_LABEL, SECURITY_GROUP, VERSION } from '../../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../../lib/api/types.ts'
import type { KubeWriter, NewObject } from '../../../lib/kube/client.ts'
import { isAlreadyExists } from '../../../lib/kube/errors.ts'
import type { Cache } from '../../../lib/informer/cache.ts'

export const DEFAULT_GROUP = 'default'

/** Creates a namespace's `default` group when first needed: everything out, in only from members, as in Neutron. Users may change it. */
export async function ensureDefaultGroup(
  namespace: string,
  cache: Cache<SecurityGroup>,
  client: Pick<KubeWriter, 'create'>,
): Promise<void> {
  if (cache.find(namespace, DEFAULT_GROUP)) return
  try {
    await client.create(SECURITY_GROUP, defaultGroup(namespace))
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

function defaultGroup(namespace: string): NewObject<SecurityGroup> {
  const families = ['IPv4', 'IPv6'] as const
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: SECURITY_GROUP.kind,
    metadata: { name: DEFAULT_GROUP, namespace, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
    spec: {
      description: 'For Ports that name no group: everything out, in only from members of this group.',
      rules: [
        ...families.map((etherType) => ({ direction: 'egress' as const, etherType })),
        ...families.map((etherType) => ({
          direction: 'ingress' as const,
          etherType,
          remoteGroupRef: { name: DEFAULT_GROUP },
        })),
      ],
    },
  }
}
