// SPDX-License-Identifier: Apache-2.0
import type { BalancerSpec, ObservedMember } from '../../lib/contract/documents.ts'
import { serverName } from './haproxy-config.ts'

/**
 * What HAProxy's probes found, of the answer to `show stat -1 4 -1`: HAProxy's management guide, 9.1, a line of CSV for each server. Members that
 * nobody probes are left out. In the order of the document. Pure.
 */
export function readMembers(csv: string, { pools }: Pick<BalancerSpec, 'pools'>): ObservedMember[] {
  const [head = '', ...lines] = csv.replace(/^# /, '').split('\n')
  const columns = head.split(',')
  const at = (name: string) => columns.indexOf(name)
  const [pool, server, status, check, code] = ['pxname', 'svname', 'status', 'check_status', 'check_code'].map(at)
  const found = new Map(
    lines.map((line) => {
      const cells = line.split(',')
      const cell = (column = -1) => cells[column] ?? ''
      const why = [cell(check).replace(/^\* /, ''), cell(code)].filter((text) => text !== '').join(' ')
      return [`${cell(pool)}/${cell(server)}`, { status: cell(status), why }] as const
    }),
  )
  return pools.flatMap(({ name, members, monitor }) =>
    members.flatMap(({ address, port }): ObservedMember[] => {
      const said = monitor && found.get(`${name}/${serverName({ address, port })}`)
      if (!said || said.status === 'no check') return []
      // `UP 1/2`: it fails, but has not failed often enough.
      const isUp = said.status.startsWith('UP')
      return [{ pool: name, address, port, isUp, ...(isUp || said.why === '' ? {} : { why: said.why }) }]
    }),
  )
}
