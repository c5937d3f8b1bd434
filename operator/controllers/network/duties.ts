// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import { assertSupported, dutiesOf, hasFeature } from '../common/sdn-controller.ts'

const NOT_OPEN =
  'write false, which lets its machines reach each other and send under any address, or, where the controller does SecurityGroups, have spec.controller.features of the ProviderNetwork say so'

/**
 * Says in its status who does what on it. One that asks for what its SDN controller does not do is not given to it, or keeps what it has.
 * @throws TerminalError `UnsupportedByDriver`
 */
export function takeDuties(network: Network, { providerNetworks }: Pick<Caches, 'providerNetworks'>): void {
  const { spec } = network
  const status = (network.status ??= {})
  if (status.controller === undefined) return
  const { controller } =
    (spec.provider && providerNetworks.find(undefined, spec.provider.providerNetworkRef.name)?.spec) ?? {}
  const doneBy = controller ? dutiesOf(controller) : status.doneBy
  if (!doneBy) return
  if (status.doneBy) status.doneBy = doneBy
  const isOpen = spec.portSecurityEnabled === false || hasFeature({ status: { ...status, doneBy } }, 'SecurityGroups')
  assertSupported(network, spec.external !== true, 'spec.external', 'leave it out')
  assertSupported(network, spec.qosPolicyRef === undefined, 'spec.qosPolicyRef', 'leave it out')
  assertSupported(network, isOpen, 'spec.portSecurityEnabled, which is true by default,', NOT_OPEN)
  status.doneBy = doneBy
}
