// SPDX-License-Identifier: Apache-2.0
import { readString } from '../../../lib/ovsdb/values.ts'
import type { NextHopState } from '../logical-kinds.ts'
import type { NetworkDriver } from '../network-driver.ts'
import { normalAddress } from './addresses.ts'
import { gatewayPortName, routerOfGatewayPort } from './gateway-port-name.ts'
import { RowResults, type RowResultsOptions } from './row-results.ts'

const OF_BFD: RowResultsOptions<NextHopState> = {
  table: 'BFD',
  keyOf: (row) => `${readString(row['logical_port'])}/${readString(row['dst_ip'])}`,
  resultOf: ({ status }) => (readString(status) === 'up' ? 'up' : 'down'),
  subjectOf: (row) => routerOfGatewayPort(readString(row['logical_port']) ?? ''),
}

/** What the nodes of gateways find out of next hops by BFD: ovn-sb(5), BFD. Only `down` takes a route out (ovn-northd(8)). */
export class NextHops extends RowResults<NextHopState> {
  constructor() {
    super(OF_BFD)
  }

  stateOf({ routerUid, address }: Parameters<NetworkDriver['nextHopOf']>[0]): NextHopState | undefined {
    return this.get(`${gatewayPortName(routerUid)}/${normalAddress(address)}`)
  }
}
