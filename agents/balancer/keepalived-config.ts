// SPDX-License-Identifier: Apache-2.0
import type { BalancerSpec } from '../../lib/contract/documents.ts'
import { SERVICE_INNER } from '../network/service-ports.ts'
import { sharedPrefix } from './shared-address.ts'

export interface KeepalivedPlace {
  /** The agent writes 0 there while HAProxy answers, else -255. */
  healthFile: string
  /** HAProxy's. */
  pidFile: string
}

/** Between two signs of life. Three that are missed, and a part of one more, make the other node take over: within 1.2 s. */
const ADVERT_SECONDS = 0.3

/**
 * Which of two nodes has the address is decided between the two alone, by VRRP version 3 (RFC 9568), in the network that they serve: neither the operator
 * nor the agents are needed for it. The one that has it keeps it when the other comes back. Pure.
 */
export function renderKeepalived(spec: BalancerSpec, { healthFile, pidFile }: KeepalivedPlace): string {
  const { port, standby } = spec
  const [own] = port.addresses
  return [
    'global_defs {',
    'router_id nephele',
    'vrrp_version 3',
    // Announced three times at once, and again each ten seconds: whoever missed it learns it.
    ...['vrrp_garp_master_repeat 3', 'vrrp_garp_master_delay 1', 'vrrp_garp_master_refresh 10'],
    // A guest must not say who serves.
    'vrrp_check_unicast_src',
    ...['script_user root', 'enable_script_security'],
    '}',
    'vrrp_track_file haproxy {',
    `file "${healthFile}"`,
    'weight 1',
    '}',
    // For the time without an agent: twice, since a reload may write the pid file anew.
    'vrrp_script process {',
    `script "/usr/bin/pgrep --pidfile ${pidFile} --exact haproxy"`,
    ...['interval 1', 'timeout 2', 'fall 2', 'rise 1'],
    '}',
    'vrrp_instance balancer {',
    ...['state BACKUP', 'nopreempt', `interface ${SERVICE_INNER}`, 'virtual_router_id 1'],
    `priority ${standby?.isPreferred === false ? 100 : 150}`,
    `advert_int ${ADVERT_SECONDS}`,
    ...(own ? [`unicast_src_ip ${own.address}`] : []),
    'unicast_peer {',
    ...(standby ? [standby.peer] : []),
    '}',
    'virtual_ipaddress {',
    `${sharedPrefix(spec)} dev ${SERVICE_INNER}`,
    '}',
    'track_file {',
    'haproxy',
    '}',
    'track_script {',
    'process',
    '}',
    '}',
    '',
  ].join('\n')
}
