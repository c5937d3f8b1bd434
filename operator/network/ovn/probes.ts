// SPDX-License-Identifier: Apache-2.0
import { readNumber, readString, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { NetworkDriver } from '../network-driver.ts'
import type { ProbeResult } from '../logical-kinds.ts'
import { RowResults, type RowResultsOptions } from './row-results.ts'

const RESULTS: readonly string[] = ['online', 'offline', 'error'] satisfies ProbeResult[]

const OF_MONITORS: RowResultsOptions<ProbeResult> = {
  table: 'Service_Monitor',
  keyOf,
  resultOf: ({ status }) => {
    const result = readString(status) ?? ''
    return RESULTS.includes(result) ? (result as ProbeResult) : undefined
  },
  subjectOf: (row) => readString(row['logical_port']) ?? '',
}

/** What nodes found when they probed members of balancers: ovn-sb(5), Service_Monitor, a row for each port that is probed. */
export class Probes extends RowResults<ProbeResult> {
  constructor() {
    super(OF_MONITORS)
  }

  resultOf({ portUid, address, protocol, port }: Parameters<NetworkDriver['probeOf']>[0]): ProbeResult | undefined {
    return this.get(`${portUid}/${address}/${protocol}/${port}`)
  }
}

function keyOf(row: OvsRow): string {
  const { logical_port: portUid, ip, protocol, port } = row
  return [readString(portUid), readString(ip), readString(protocol), readNumber(port)].join('/')
}
