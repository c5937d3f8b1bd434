// SPDX-License-Identifier: Apache-2.0
import type { PlacementPreview } from '../../../lib/api/types.ts'
import { isFinished } from '../common/finished.ts'
import { resourceKindOf, type KindName, type KindRow, type NamedRef, type Reference } from '../../kind/row.ts'

type Template = NonNullable<PlacementPreview['spec']['template']>

/** The namespace that the machines would be in. */
export function namespaceOf({ metadata, spec }: Pick<PlacementPreview, 'metadata' | 'spec'>): string {
  return spec.namespace ?? metadata.namespace ?? ''
}

/**
 * Only to be woken by: one that has its answer names nothing any more, and whether what is named may be used is asked of the machine
 * (question.ts).
 */
function named<To extends KindName>(
  to: To,
  refsOf: (template: Template) => readonly (NamedRef | undefined)[],
): Reference<PlacementPreview, To> {
  const { namespaced } = resourceKindOf(to)
  return {
    to,
    refs: (preview) => {
      const { template } = preview.spec
      if (isFinished(preview) || !template) return []
      const named = refsOf(template).filter((one) => one !== undefined)
      if (!namespaced) return named
      return named.map(({ ref, field }) => ({ ref: { namespace: namespaceOf(preview), ...ref }, field }))
    },
  }
}

const flavor = named('flavors', ({ flavorRef }) => [{ ref: flavorRef, field: 'spec.template.flavorRef' }])
const image = named('images', ({ imageRef }) => [{ ref: imageRef, field: 'spec.template.imageRef' }])
const serverGroup = named('serverGroups', ({ serverGroupRef: ref }) => [
  ref && { ref, field: 'spec.template.serverGroupRef' },
])
const network = named('networks', ({ networks = [] }) =>
  networks.map(({ networkRef: ref }, i) => ref && { ref, field: `spec.template.networks[${i}].networkRef` }),
)
const port = named('ports', ({ networks = [] }) =>
  networks.map(({ portRef: ref }, i) => ref && { ref, field: `spec.template.networks[${i}].portRef` }),
)

/** The machine that is asked about. */
export const instance: Reference<PlacementPreview, 'instances'> = {
  to: 'instances',
  refs: (preview) => {
    const { instanceRef } = preview.spec
    if (isFinished(preview) || !instanceRef) return []
    return [{ ref: { ...instanceRef, namespace: namespaceOf(preview) }, field: 'spec.instanceRef' }]
  },
  // Whoever may ask about a namespace may ask about its machines.
  isGranted: () => true,
}

/** The node that is to be drained. */
const node: Reference<PlacementPreview, 'computeNodes'> = {
  to: 'computeNodes',
  refs: (preview) => {
    const { drainNode } = preview.spec
    return drainNode === undefined || isFinished(preview) ? [] : [{ ref: { name: drainNode }, field: 'spec.drainNode' }]
  },
}

export const placementPreviewKind: KindRow<PlacementPreview> = {
  references: { flavor, image, serverGroup, network, port, instance, node },
  indexes: {
    /** `true`: it has no answer yet. */
    unanswered: (preview) => (isFinished(preview) ? [] : ['true']),
  },
}
