// SPDX-License-Identifier: Apache-2.0
import type { MonitoredTable } from '../../../lib/ovsdb/session.ts'

/**
 * The columns we write, and none that OVN writes: a port that comes up must not look like a disturbance. The exceptions are northd's sign
 * of life and its options, see isDisturbance, and a port's tag, which northd writes only where another hand asked for one (vlan-columns.ts).
 * ovn-nb(5).
 */
export const NORTHBOUND_TABLES = {
  NB_Global: { columns: ['external_ids', 'options', 'nb_cfg', 'sb_cfg'] },
  Logical_Switch: {
    columns: ['name', 'ports', 'dns_records', 'load_balancer', 'qos_rules', 'external_ids'],
    members: ['ports', 'qos_rules'],
  },
  Logical_Switch_Port: {
    columns: [
      'name',
      'type',
      'addresses',
      'port_security',
      'dhcpv4_options',
      'dhcpv6_options',
      'options',
      'parent_name',
      'tag',
      'tag_request',
      'ha_chassis_group',
      'external_ids',
    ],
  },
  Logical_Router: {
    columns: [
      'name',
      'ports',
      'static_routes',
      'nat',
      'load_balancer',
      'policies',
      'enabled',
      'options',
      'external_ids',
    ],
  },
  Logical_Router_Port: {
    columns: [
      'name',
      'mac',
      'networks',
      'ipv6_ra_configs',
      'gateway_chassis',
      'ha_chassis_group',
      'options',
      'enabled',
      'external_ids',
    ],
  },
  Logical_Router_Static_Route: {
    columns: ['ip_prefix', 'nexthop', 'output_port', 'route_table', 'policy', 'bfd', 'external_ids'],
  },
  Logical_Router_Policy: { columns: ['priority', 'match', 'action', 'nexthops', 'external_ids'] },
  BFD: { columns: ['logical_port', 'dst_ip', 'min_tx', 'min_rx', 'detect_mult', 'external_ids'] },
  HA_Chassis_Group: { columns: ['name', 'ha_chassis', 'external_ids'] },
  HA_Chassis: { columns: ['chassis_name', 'priority', 'external_ids'] },
  Gateway_Chassis: { columns: ['name', 'chassis_name', 'priority', 'external_ids'] },
  NAT: { columns: ['type', 'external_ip', 'logical_ip', 'external_mac', 'logical_port', 'external_ids'] },
  Load_Balancer: {
    columns: [
      'name',
      'vips',
      'protocol',
      'health_check',
      'ip_port_mappings',
      'selection_fields',
      'options',
      'external_ids',
    ],
  },
  Load_Balancer_Health_Check: { columns: ['vip', 'options', 'external_ids'] },
  DHCP_Options: { columns: ['cidr', 'options', 'external_ids'] },
  DNS: { columns: ['records', 'options', 'external_ids'] },
  Port_Group: { columns: ['name', 'ports', 'acls', 'external_ids'], members: ['ports'] },
  Address_Set: { columns: ['name', 'addresses', 'external_ids'] },
  ACL: {
    columns: ['direction', 'priority', 'match', 'action', 'tier', 'log', 'name', 'severity', 'meter', 'external_ids'],
  },
  Meter: { columns: ['name', 'unit', 'fair', 'bands', 'external_ids'] },
  Meter_Band: { columns: ['action', 'rate', 'burst_size'] },
  QoS: { columns: ['priority', 'direction', 'match', 'action', 'bandwidth', 'external_ids'] },
} as const satisfies Record<string, MonitoredTable>
/** Of the names of Port_Groups whose ports are listed: those of firewalls, and of members of balancers. */
export const FIREWALL_PREFIX = 'nfw_'
export const BALANCER_PREFIX = 'nlb_'
export type NorthboundTable = keyof typeof NORTHBOUND_TABLES
