// SPDX-License-Identifier: Apache-2.0
import type { LogicalByKind, LogicalKind } from '../logical-kinds.ts'
import { planAddressGroup, planAddressGroupRemoval } from './address-group-plan.ts'
import { planFirewallGroup, planFirewallGroupRemoval } from './firewall-plan.ts'
import { planFloatingIP, planFloatingIPRemoval } from './floating-ip-plan.ts'
import { planSecurityGroup, planSecurityGroupRemoval } from './group-plan.ts'
import { planLoadBalancer, planLoadBalancerRemoval } from './load-balancer-plan.ts'
import { planNetwork, planNetworkRemoval } from './network-plan.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import type { KindPlanner } from './planner.ts'
import { planPortForwarding, planPortForwardingRemoval } from './port-forwarding-plan.ts'
import { planPort, planPortRemoval } from './port-plan.ts'
import { planQoS, planQoSRemoval } from './qos-plan.ts'
import { planRouter, planRouterRemoval } from './router-plan.ts'
import { planServicePorts, planServicePortsRemoval } from './service-port-plan.ts'
import { planSubnet, planSubnetRemoval } from './subnet-plan.ts'
import { planVPNService, planVPNServiceRemoval } from './vpn-plan.ts'

/** All that OVN realises: one entry per kind. */
export const PLANNERS: { readonly [K in LogicalKind]: KindPlanner<LogicalByKind[K]> } = {
  Network: { table: 'Logical_Switch', plan: planNetwork, planRemoval: planNetworkRemoval },
  Subnet: { table: 'DHCP_Options', plan: planSubnet, planRemoval: planSubnetRemoval },
  Port: { table: 'Logical_Switch_Port', plan: planPort, planRemoval: planPortRemoval },
  Router: { table: 'Logical_Router', plan: planRouter, planRemoval: planRouterRemoval },
  FloatingIP: { table: 'NAT', plan: planFloatingIP, planRemoval: planFloatingIPRemoval },
  PortForwarding: { table: 'Load_Balancer', plan: planPortForwarding, planRemoval: planPortForwardingRemoval },
  FirewallGroup: { table: 'Port_Group', plan: planFirewallGroup, planRemoval: planFirewallGroupRemoval },
  AddressGroup: { table: 'Address_Set', plan: planAddressGroup, planRemoval: planAddressGroupRemoval },
  QoS: { table: 'QoS', plan: planQoS, planRemoval: planQoSRemoval },
  ServicePort: { table: 'Logical_Switch_Port', plan: planServicePorts, planRemoval: planServicePortsRemoval },
  VPNService: { table: 'Logical_Switch', plan: planVPNService, planRemoval: planVPNServiceRemoval },
  LoadBalancer: { table: 'Load_Balancer', plan: planLoadBalancer, planRemoval: planLoadBalancerRemoval },
  SecurityGroup: { table: 'Port_Group', plan: planSecurityGroup, planRemoval: planSecurityGroupRemoval },
}

export function planWant<K extends LogicalKind>(kind: K, want: LogicalByKind[K], nb: Northbound): Plan {
  return PLANNERS[kind].plan(want, nb)
}
