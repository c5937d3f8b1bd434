// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../../../lib/errors.ts'
import type { LogicalKind, LogicalWorld } from '../network-driver.ts'
import { planSecurityGroup, planSecurityGroupRemoval } from './group-plan.ts'
import { planNetwork, planNetworkRemoval } from './network-plan.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import { planPort, planPortRemoval } from './port-plan.ts'
import { planSubnet, planSubnetRemoval } from './subnet-plan.ts'

export type Planner = (nb: Northbound) => Plan
export interface Work {
  kind: LogicalKind
  uid: string
  planner: Planner
}

/** In an order in which each finds what it stands on. */
export function worldWork(world: LogicalWorld): Work[] {
  return [
    ...world.networks.map((want) => work('Network', want.uid, (nb) => planNetwork(want, nb))),
    ...world.subnets.map((want) => work('Subnet', want.uid, (nb) => planSubnet(want, nb))),
    ...world.securityGroups.map((want) => work('SecurityGroup', want.uid, (nb) => planSecurityGroup(want, nb))),
    ...world.ports.map((want) => work('Port', want.uid, (nb) => planPort(want, nb))),
  ]
}

function work(kind: LogicalKind, uid: string, planner: Planner): Work {
  return { kind, uid, planner }
}

export function removalOf(kind: LogicalKind, uid: string): Planner {
  switch (kind) {
    case 'Network':
      return (nb) => planNetworkRemoval(uid, nb)
    case 'Subnet':
      return (nb) => planSubnetRemoval(uid, nb)
    case 'Port':
      return (nb) => planPortRemoval(uid, nb)
    case 'SecurityGroup':
      return (nb) => planSecurityGroupRemoval(uid, nb)
  }
}

/** Empty: nothing to write. */
export function summaryOf(planner: Planner, nb: Northbound): string {
  try {
    return planner(nb).summary()
  } catch (error) {
    return messageOf(error)
  }
}
