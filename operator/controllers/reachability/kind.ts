// SPDX-License-Identifier: Apache-2.0
import type { Reachability } from '../../../lib/api/types.ts'
import { isFinished } from '../common/finished.ts'
import type { KindRow, NamedRef, Reference } from '../../kind/row.ts'

const ENDS = ['source', 'destination'] as const

/** The machines at its ends. */
export const instance: Reference<Reachability, 'instances'> = {
  to: 'instances',
  refs: ({ spec }) =>
    ENDS.flatMap((end): NamedRef[] => {
      const ref = spec[end].instanceRef
      return ref ? [{ ref, field: `spec.${end}.instanceRef` }] : []
    }),
}

/** The Ports at its ends. */
export const port: Reference<Reachability, 'ports'> = {
  to: 'ports',
  refs: ({ spec }) =>
    ENDS.flatMap((end): NamedRef[] => {
      const ref = spec[end].portRef
      return ref ? [{ ref, field: `spec.${end}.portRef` }] : []
    }),
}

/** The outside. */
export const network: Reference<Reachability, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) =>
    spec.source.networkRef ? [{ ref: spec.source.networkRef, field: 'spec.source.networkRef' }] : [],
}

/** The node that has its probe: nothing is lost with that. */
const node: Reference<Reachability, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => (status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]),
}

export const reachabilityKind: KindRow<Reachability> = {
  references: { instance, port, network, node },
  indexes: {
    /** The namespace of one that has no answer yet. */
    unanswered: (reachability) => (isFinished(reachability) ? [] : [reachability.metadata.namespace ?? '']),
    /** `true`: it is to send a probe, and has not. */
    toProbe: (reachability) =>
      reachability.spec.verify === true && reachability.status?.node === undefined && !isFinished(reachability)
        ? ['true']
        : [],
    /** The namespace of one whose probe a node has. */
    probing: ({ metadata, status }) => (status?.node === undefined ? [] : [metadata.namespace ?? '']),
  },
  document: 'probe',
}
