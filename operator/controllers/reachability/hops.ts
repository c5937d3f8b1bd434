// SPDX-License-Identifier: Apache-2.0
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Caches } from '../../kind/row.ts'
import type { LogicalTrace, TraceStep } from '../../network/logical-trace.ts'
import { say, type Action, type Hop, type Named } from './finding.ts'
import { ruleInPolicy } from './firewall-rule.ts'
import type { Sight } from './sight.ts'

/** As many as the schema takes. */
const MOST_HOPS = 64

/** Of what has no name for this project nothing else is told either. */
function hop(action: Action, of: Named | undefined, detail?: string): Hop {
  return { action, ...of, ...(of === undefined || detail === undefined ? {} : { detail: detail.slice(0, 256) }) }
}

/** The way of a packet, in words of our resources. Pure. */
export function hopsOf(sender: Named | undefined, trace: LogicalTrace, sight: Sight, caches: Caches): Hop[] {
  const steps = trace.steps.map((step) => hopOf(step, sight, caches))
  return [hop('Sent', sender), ...steps, ...lastOf(trace, sight)].slice(0, MOST_HOPS)
}

export function sent(sender: Named | undefined): Hop[] {
  return [hop('Sent', sender)]
}

function hopOf(step: TraceStep, sight: Sight, caches: Caches): Hop {
  switch (step.what) {
    case 'allowed': {
      if (step.by === 'SecurityGroup') return hop('Allowed', sight.of('securityGroups', step.uid), step.direction)
      const rule = ruleInPolicy(step, caches)
      const policy = rule && sight.nameOf('firewallPolicies', rule.policy)
      const detail = policy ? `${step.direction}, by spec.rules[${rule?.index}] of ${say(policy)}` : step.direction
      return hop('Allowed', sight.of('firewallGroups', step.uid), detail)
    }
    case 'routed':
      return hop('Routed', sight.of('routers', step.routerUid))
    case 'translated': {
      const floating = caches.floatingIPs
        .listBy('router', routerKeyOf(step.routerUid, caches))
        .find(({ status }) => status?.ipAddress === step.address || status?.fixedIPAddress === step.address)
      const of = floating ? sight.nameOf('floatingIPs', floating) : sight.of('routers', step.routerUid)
      return hop('Translated', of, `${step.end} ${step.address}`)
    }
    case 'balanced':
      return hop('Balanced', sight.of('routers', step.routerUid))
  }
}

function routerKeyOf(uid: string, { routers }: Caches): string {
  const router = routers.findByUid(uid)
  return router ? keyOfObject(router) : ''
}

function lastOf({ end }: LogicalTrace, sight: Sight): Hop[] {
  switch (end.what) {
    case 'delivered':
      return end.portUids.map((uid) => hop('Delivered', sight.of('ports', uid)))
    case 'left':
      return [hop('Left', sight.of('networks', end.networkUid))]
    case 'answered':
      return [hop('Delivered', sight.of('routers', end.routerUid))]
    case 'served':
      return [hop('Delivered', sight.of('networks', end.networkUid), 'metadata service and resolver of the node')]
    case 'stopped':
      return []
  }
}
