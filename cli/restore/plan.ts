// SPDX-License-Identifier: Apache-2.0
// What is made anew of an archive, in which order, and what is not, each with why. Pure.
import {
  ADMIN_PASSWORD_LABEL,
  FLOATING_IP,
  INSTANCE,
  LOAD_BALANCER,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  NAMESPACE,
  NETWORK,
  PORT,
  ROUTER,
  SECRET,
  SUBNET,
  TLS_LABEL,
  USER_DATA_LABEL,
  VOLUME,
  VPN_KEY_LABEL,
} from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, LoadBalancer, Network, Port, Router, Secret, Subnet } from '../../lib/api/types.ts'
import type { NewObject } from '../../lib/kube/client.ts'
import { apiVersionOf, keyOfObject, keyOfRef, type KubeObject, type ResourceKind } from '../../lib/kube/object.ts'
import { namedSecrets } from '../backup/named-secrets.ts'
import {
  keepNothing,
  keepOfFloatingIP,
  keepOfInstance,
  keepOfLoadBalancer,
  keepOfNetwork,
  keepOfPort,
  keepOfRouter,
  keepOfSubnet,
  type Kept,
  type KeptAddress,
} from './kept-addresses.ts'
import type { NodeAnswers } from './node-answers.ts'
import { LEFT_OUT, ORDER, stageOf, STAGES, type Stage } from './order.ts'
import type { Archived } from './read-archive.ts'

export interface Step {
  kind: ResourceKind
  /** For people: `instance team/web`. */
  name: string
  object: NewObject<KubeObject>
  stage: Stage
  addresses: KeptAddress[]
  /** It is there already, as this one: nothing is made, and its addresses are waited for all the same. */
  live?: KubeObject
}

export interface Plan {
  /** In their order. */
  steps: Step[]
  withheld: { name: string; why: string }[]
  /** Addresses that something gets anew, for people. */
  lost: string[]
  /** By kind, of those that are never made anew. */
  leftOut: { plural: string; count: number; why: string }[]
}

/** By kind's plural and key, what the cluster has. */
export type Live = ReadonlyMap<string, KubeObject>

const LABELS_OF_SECRETS = [USER_DATA_LABEL, VPN_KEY_LABEL, TLS_LABEL, ADMIN_PASSWORD_LABEL]
const TYPES_OF_SECRETS = new Set<string | undefined>([undefined, 'Opaque', 'kubernetes.io/tls'])
/** The operator's mark of what it made for an InstanceAction, and takes away again. */
const OF_ACTIONS = 'nephele.dev/instance-action-uid'
const IS_GOING = 'the one of this name is being deleted: wait for its end'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

export function liveKey({ group, plural }: ResourceKind, object: KubeObject): string {
  return `${group}/${plural}/${keyOfObject(object)}`
}

export function planRestore(archived: readonly Archived[], live: Live, answers: NodeAnswers): Plan {
  const plan: Plan = { steps: [], withheld: [], lost: [], leftOut: [] }
  const made: { archived: Archived; kept: Kept }[] = []
  const byKind = Map.groupBy(archived, ({ kind }) => `${kind.group}/${kind.plural}`)
  const ports = new Map(
    (byKind.get(`${PORT.group}/${PORT.plural}`) ?? []).map(({ object }) => [keyOfObject(object), object as Port]),
  )
  for (const [plural, why] of LEFT_OUT) {
    const count = byKind.get(`${PORT.group}/${plural}`)?.length ?? 0
    if (count > 0) plan.leftOut.push({ plural, count, why })
  }
  const isGoing = (namespace: string | undefined) =>
    live.get(`${NAMESPACE.group}/${NAMESPACE.plural}/${namespace}`)?.metadata.deletionTimestamp !== undefined
  for (const kind of ORDER.filter((one) => one !== NAMESPACE && one !== SECRET)) {
    for (const one of byKind.get(`${kind.group}/${kind.plural}`) ?? []) {
      const { object } = one
      if (isMadeByOperator(one)) continue
      const found = live.get(liveKey(kind, object))
      const why = isGoing(object.metadata.namespace)
        ? 'its namespace is being deleted'
        : found
          ? found.metadata.deletionTimestamp === undefined
            ? undefined
            : IS_GOING
          : whyHeld(one, answers)
      if (why !== undefined) {
        plan.withheld.push({ name: nameOf(one), why })
        continue
      }
      const kept = keep(one, ports)
      if (found) plan.steps.push({ ...toStep(one, kept), live: found })
      else {
        made.push({ archived: one, kept })
        plan.lost.push(...kept.lost.map((what) => `${nameOf(one)}: ${what}`))
        for (const port of kept.ports) plan.steps.push(...ownPort(one, port, live))
        plan.steps.push(toStep(one, kept))
      }
    }
  }
  plan.steps.push(...groundOf(made, byKind, live, plan.withheld))
  const rank = ({ stage, kind }: Step) => STAGES.indexOf(stage) * ORDER.length + ORDER.indexOf(kind)
  plan.steps.sort((a, b) => rank(a) - rank(b))
  return plan
}

function nameOf({ kind, object }: Archived): string {
  return `${kind.kind} ${keyOfObject(object)}`
}

/** The operator's word for the same thing comes by itself; an Image is what remains of an action. */
function isMadeByOperator({ kind, object }: Archived): boolean {
  if (kind === PORT && (object as Port).status?.origin !== undefined)
    return (object as Port).status?.origin === 'Instance'
  if (kind === PORT) return (object.metadata.ownerReferences ?? []).some((owner) => owner.kind === INSTANCE.kind)
  return false
}

/** Of a machine and a volume there is one, and a node may have it. */
function whyHeld({ kind, object }: Archived, { holders, unknown }: NodeAnswers): string | undefined {
  if (kind !== INSTANCE && kind !== VOLUME) return undefined
  const node = holders.get(object.metadata.uid) ?? holders.get(`${kind.kind.toLowerCase()} ${keyOfObject(object)}`)
  if (node !== undefined)
    return `node ${node} has it (UID ${object.metadata.uid}, or one of this name): beside it another would be made. Bring etcd back, or have the node release it`
  const [first] = unknown
  return (
    first &&
    `what node ${first[0]} has is not known: ${first[1]}. Bring it back, or say that it is gone for good (--lost-node ${first[0]}, spec.lost)`
  )
}

function keep({ kind, object }: Archived, ports: ReadonlyMap<string, Port>): Kept {
  switch (kind) {
    case INSTANCE: {
      const { namespace } = object.metadata
      return keepOfInstance(object as Instance, (name) => ports.get(keyOfRef({ namespace, name })))
    }
    case PORT:
      return keepOfPort(object as Port)
    case FLOATING_IP:
      return keepOfFloatingIP(object as FloatingIP)
    case ROUTER:
      return keepOfRouter(object as Router)
    case LOAD_BALANCER:
      return keepOfLoadBalancer(object as LoadBalancer)
    case SUBNET:
      return { ...keepNothing(object), spec: keepOfSubnet(object as Subnet) }
    case NETWORK:
      return { ...keepNothing(object), spec: keepOfNetwork(object as Network) }
    default:
      return keepNothing(object)
  }
}

/** Is it given no address beside those that it asks for? */
function isAllKept({ kind }: Archived, { addresses, spec, lost }: Kept): boolean {
  if (lost.length > 0) return false
  if (kind !== INSTANCE) return addresses.length > 0
  return ((spec as Instance['spec']).networks ?? []).every(
    (one) => one.portRef !== undefined || one.ipAddress !== undefined,
  )
}

function toStep(archived: Archived, kept: Kept): Step {
  const { kind, object } = archived
  const { metadata } = object
  const labels = without(metadata.labels, [MANAGED_BY_LABEL, OF_ACTIONS], metadata.labels?.[MANAGED_BY_LABEL])
  const annotations = without(metadata.annotations, [LAST_APPLIED])
  return {
    ...{ kind, name: nameOf(archived), addresses: kept.addresses },
    stage: stageOf(kind, { kept: kept.addresses.length, isAll: isAllKept(archived, kept) }),
    object: {
      ...{ apiVersion: apiVersionOf(kind), kind: kind.kind },
      metadata: {
        ...pick(metadata),
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
      },
      ...(kept.spec === undefined ? {} : { spec: kept.spec }),
    },
  }
}

function pick({ namespace, name }: KubeObject['metadata']): { name: string; namespace?: string } {
  return { name, ...(namespace === undefined ? {} : { namespace }) }
}

/** Others' `managed-by` is theirs. */
function without(
  from: Readonly<Record<string, string>> | undefined,
  keys: readonly string[],
  managedBy?: string,
): Record<string, string> | undefined {
  const left = Object.entries(from ?? {}).filter(
    ([key]) => !keys.includes(key) || (key === MANAGED_BY_LABEL && managedBy !== MANAGED_BY),
  )
  return left.length === 0 ? undefined : Object.fromEntries(left)
}

function ownPort({ object }: Archived, { name, spec }: Kept['ports'][number], live: Live): Step[] {
  const namespace = object.metadata.namespace ?? ''
  const metadata = { namespace, name, uid: '', resourceVersion: '' }
  if (live.has(liveKey(PORT, { metadata }))) return []
  const port = { kind: PORT, object: { metadata, spec, status: {} } as KubeObject }
  const { networkRef, fixedIPs = [] } = spec
  const addresses = fixedIPs.map(({ subnetRef, ipAddress = '' }) => ({
    ...{ namespace: networkRef.namespace ?? namespace, subnet: subnetRef.name, address: ipAddress },
  }))
  return [toStep(port, { spec, addresses, lost: [], ports: [] })]
}

/** The namespaces of what is made, and the Secrets that it names: bare, since labels and annotations give rights. */
function groundOf(
  made: readonly { archived: Archived; kept: Kept }[],
  byKind: ReadonlyMap<string, readonly Archived[]>,
  live: Live,
  withheld: Plan['withheld'],
): Step[] {
  const isNew = (kind: ResourceKind, object: KubeObject) => !live.has(liveKey(kind, object))
  const bare = (kind: ResourceKind, object: KubeObject, more: object = {}): Step => ({
    ...{ kind, name: nameOf({ kind, object }), stage: 'ground', addresses: [] },
    object: { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: pick(object.metadata), ...more },
  })
  const namespaces = new Set(made.flatMap(({ archived: { object } }) => object.metadata.namespace ?? []))
  const named = new Set(
    made.flatMap(({ archived: { kind, object } }) =>
      namedSecrets(kind, object).map((name) => keyOfRef({ namespace: object.metadata.namespace, name })),
    ),
  )
  const secrets = (byKind.get(`${SECRET.group}/${SECRET.plural}`) ?? []).flatMap(({ object }) => {
    const { type, data = {}, immutable } = object as Secret
    if (!named.has(keyOfObject(object)) || !TYPES_OF_SECRETS.has(type)) return []
    if (live.get(liveKey(SECRET, object))?.metadata.deletionTimestamp !== undefined)
      withheld.push({ name: nameOf({ kind: SECRET, object }), why: IS_GOING })
    if (!isNew(SECRET, object)) return []
    const labels = Object.fromEntries(
      LABELS_OF_SECRETS.flatMap((key) => (object.metadata.labels?.[key] === 'true' ? [[key, 'true']] : [])),
    )
    const metadata = { ...pick(object.metadata), labels }
    return [bare(SECRET, object, { metadata, data, ...(type && { type }), ...(immutable && { immutable }) })]
  })
  const ofNamespaces = [...namespaces].map((name): KubeObject => ({ metadata: { name, uid: '', resourceVersion: '' } }))
  return [...ofNamespaces.filter((one) => isNew(NAMESPACE, one)).map((one) => bare(NAMESPACE, one)), ...secrets]
}
