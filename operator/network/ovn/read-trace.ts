// SPDX-License-Identifier: Apache-2.0
import type { LogicalTrace, TraceEnd, TraceStep, TraceStop } from '../logical-trace.ts'
import { GUARD_GROUP } from './group-plan.ts'
import type { TraceEvent } from './parse-trace.ts'
import { placeOf, uidOfGroup, type TracePlace } from './trace-names.ts'

/** Whose ACL a flow was made from, where the flow itself does not say. */
export type FindFirewallRule = (acl: {
  match: string
  /** Of the ACL. */
  priority: number
}) => { uid: string; rule: number | undefined; passes: boolean } | undefined

type Direction = 'ingress' | 'egress'
interface Flow {
  stage: string
  match: string
  priority: number
}

/** ovn-northd(8): flows of an ACL are by so much above its own priority. */
const ACL_PRIORITY_OFFSET = 1000

/** What a trace says, in our own names. Pure. */
export function readTrace(events: readonly TraceEvent[], findFirewallRule: FindFirewallRule): LogicalTrace {
  const steps: TraceStep[] = []
  const delivered: string[] = []
  let end: TraceEnd | undefined
  let inport: TracePlace = {}
  let outport: TracePlace = {}
  let router: string | undefined
  let flow: Flow | undefined
  let judged: Flow | undefined
  for (const event of events) {
    if (end) break
    switch (event.event) {
      case 'pipeline': {
        inport = placeOf(event.inport)
        outport = event.outport === undefined ? {} : placeOf(event.outport)
        // A switch has the router's port under another name.
        const { isRouterSide, routerUid } = inport
        if (isRouterSide && event.pipeline === 'ingress') steps.push({ what: 'routed', routerUid: routerUid ?? '' })
        router = isRouterSide ? routerUid : undefined
        judged = undefined
        break
      }
      case 'flow':
        flow = { stage: event.stage, match: event.match ?? '', priority: event.priority }
        if (/^ls_(in|out)_acl\w*_eval$/.test(event.stage)) {
          judged = flow
          steps.push(...allowanceOf(flow))
        }
        break
      case 'action':
        // What follows is the router's own answer.
        if (/^icmp[46]\.type = (0|129);$/.test(event.text) && flow?.stage === 'lr_in_ip_input')
          end = { what: 'answered', routerUid: router ?? '' }
        break
      case 'translation':
        steps.push(...translationOf(event.text, router))
        break
      case 'output': {
        const place = placeOf(event.port)
        if (event.type === 'localnet' && place.networkUid !== undefined)
          end = { what: 'left', networkUid: place.networkUid }
        else if (event.type === 'localport' && place.networkUid !== undefined)
          end = { what: 'served', networkUid: place.networkUid }
        else if (place.portUid !== undefined) delivered.push(place.portUid)
        break
      }
      case 'ownPacket':
        break
    }
  }
  if (end?.what === 'answered') return { steps, end }
  if (delivered.length > 0) return { steps, end: { what: 'delivered', portUids: delivered } }
  return { steps, end: end ?? { what: 'stopped', stop: stopOf() } }

  function stopOf(): TraceStop {
    const stage = flow?.stage ?? 'none'
    const at = { routerUid: router, portUid: outport.portUid ?? inport.portUid }
    if (/^ls_(in|out)_acl/.test(stage) && judged) return judgedBy(judged) ?? { why: 'other', stage, ...at }
    if (/^ls_(in|out)_(check|apply)_port_sec$/.test(stage) && at.portUid !== undefined)
      return { why: 'portSecurity', portUid: at.portUid }
    if (/^ls_in_l2_(lkup|unknown)$/.test(stage))
      return { why: 'unknownHost', routerUid: inport.routerUid, legUid: inport.legUid }
    if (/^lr_in_ip_routing(_ecmp)?$/.test(stage) && router !== undefined) return { why: 'noRoute', routerUid: router }
    return { why: 'other', stage, ...at }
  }

  function judgedBy(acl: Flow): TraceStop | undefined {
    const direction = directionOf(acl)
    // A group that logs drops by itself, just above the guard.
    if (acl.match.includes(`@${GUARD_GROUP} `) || groupOf(acl) !== undefined) {
      const portUid = direction === 'ingress' ? outport.portUid : inport.portUid
      return portUid === undefined ? undefined : { why: 'securityGroups', portUid, direction }
    }
    const found = findFirewallRule(aclOf(acl))
    return found && { why: 'firewall', uid: found.uid, rule: found.rule, direction }
  }

  function groupOf(acl: Flow): string | undefined {
    const group = /^(?:in|out)port == @(\w+)/.exec(aclOf(acl).match)?.[1]
    return group === undefined ? undefined : uidOfGroup(group)
  }

  function allowanceOf(acl: Flow): TraceStep[] {
    const uid = groupOf(acl)
    const direction = directionOf(acl)
    if (uid !== undefined) return [{ what: 'allowed', by: 'SecurityGroup', uid, direction }]
    if (acl.match.includes(`@${GUARD_GROUP} `)) return []
    const found = findFirewallRule(aclOf(acl))
    if (!found?.passes) return []
    return [{ what: 'allowed', by: 'FirewallGroup', uid: found.uid, rule: found.rule, direction }]
  }
}

function directionOf({ stage }: Flow): Direction {
  return stage.startsWith('ls_in') ? 'egress' : 'ingress'
}

/** The ACL that northd made the flow from, which it put behind conditions of its own. */
function aclOf({ match, priority }: Flow): { match: string; priority: number } {
  const inner = /^(?:reg\d+\[[\d.]+\] == \d+ && )*\((.*)\)$/.exec(match)?.[1]
  return { match: inner ?? match, priority: priority - ACL_PRIORITY_OFFSET }
}

function translationOf(text: string, router: string | undefined): TraceStep[] {
  const nat = /^ct_[ds]nat\w*\(ip[46]\.(src|dst)=([0-9a-f.:]+)\)/.exec(text)
  if (nat && router !== undefined) {
    const end = nat[1] === 'src' ? 'source' : 'destination'
    return [{ what: 'translated', routerUid: router, end, address: nat[2] ?? '' }]
  }
  return text.startsWith('ct_lb') ? [{ what: 'balanced', routerUid: router }] : []
}
