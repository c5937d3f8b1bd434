// SPDX-License-Identifier: Apache-2.0
// For every CEL rule of crds/ one object that passes and one that is refused. A test enumerates the rules and fails when one has no
// case here. Cases are changes to a sample of the kind.
import { IMAGE } from './rules/images.ts'
import { INSTANCE } from './rules/instances.ts'
import { ROUTER } from './rules/routers.ts'
import { FLOATING_IP } from './rules/floating-ips.ts'
import { TRUNK } from './rules/trunks.ts'
import { SUBNET } from './rules/subnets.ts'
import { PORT } from './rules/ports.ts'
import { PORT_DHCP } from './rules/port-dhcp-options.ts'
import { SECURITY_GROUP, ADDRESS_GROUP } from './rules/groups.ts'
import { FIREWALL } from './rules/firewalls.ts'
import { QOS } from './rules/qos.ts'
import { CONSOLE_ACCESS } from './rules/console-accesses.ts'
import { INSTANCE_ACTION } from './rules/instance-actions.ts'
import { LOAD_BALANCER } from './rules/load-balancers.ts'
import { PROVIDER_NETWORK } from './rules/provider-networks.ts'
import { REACHABILITY } from './rules/reachabilities.ts'
import { SCHEDULING } from './rules/scheduling.ts'
import { VPN } from './rules/vpns.ts'
import { REST } from './rules/others.ts'
import type { RuleCase } from './rules/rule-case.ts'

export const RULE_CASES: readonly RuleCase[] = [
  ...IMAGE,
  ...SUBNET,
  ...ROUTER,
  ...TRUNK,
  ...FLOATING_IP,
  ...PORT,
  ...PORT_DHCP,
  ...SECURITY_GROUP,
  ...ADDRESS_GROUP,
  ...FIREWALL,
  ...QOS,
  ...LOAD_BALANCER,
  ...INSTANCE,
  ...PROVIDER_NETWORK,
  ...CONSOLE_ACCESS,
  ...INSTANCE_ACTION,
  ...REACHABILITY,
  ...VPN,
  ...SCHEDULING,
  ...REST,
]
