// SPDX-License-Identifier: Apache-2.0
// The name by which the guests of a Network find a machine at its Port there: its hostname and the Network's domain. One Port has a name:
// of several that want it those of the Network's own namespace come first, then the oldest.
import type { Network, Port } from '../../../lib/api/types.ts'
import { setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { isOlder } from '../../kind/is-older.ts'
import type { Caches } from '../../kind/row.ts'
import { dnsDomainOf } from '../common/dns-domain.ts'
import { nameKey, nameKeysOf } from './kind.ts'
import { isForeignTo } from './owners-choice.ts'

const NAMED = 'Named'
type NameCaches = { caches: Pick<Caches, 'clouds' | 'ports'> }

/** Records the name that the port's machine asks for, and whether the port has it. @param hostname undefined: it has no machine */
export function recordName(
  port: Port,
  { network, hostname }: { network: Network; hostname: string | undefined },
  deps: NameCaches,
  now: Date,
): void {
  const status = (port.status ??= {})
  if (hostname === undefined) {
    delete status.dnsName
    status.conditions = (status.conditions ?? []).filter(({ type }) => type !== NAMED)
    return
  }
  status.dnsName = `${hostname}.${dnsDomainOf(network, deps.caches.clouds)}`
  const update = conditionOf(status.dnsName, port, network, deps)
  status.conditions = setCondition(status.conditions, update, port.metadata.generation, now)
}

/** The recorded name, if the port has it; undefined while another has. */
export function nameInEffect(port: Port, network: Network, deps: NameCaches): string | undefined {
  return findHolder(port, network, deps) ? undefined : port.status?.dnsName
}

function conditionOf(name: string, port: Port, network: Network, deps: NameCaches): ConditionUpdate {
  const holder = findHolder(port, network, deps)
  if (!holder) {
    const message = `machines of Network ${keyOfObject(network)} find it as ${name}`
    return { type: NAMED, status: 'True', reason: 'Named', message }
  }
  // To the Network's own project only one of its own can come first.
  const maySee = holder.metadata.namespace === port.metadata.namespace
  const who = maySee ? `Port ${keyOfObject(holder)}` : 'a Port of another namespace'
  const message = `${who} has the name ${name} on Network ${keyOfObject(network)}: give one of the two machines another spec.hostname`
  return { type: NAMED, status: 'False', reason: 'NameInUse', message }
}

function findHolder(port: Port, network: Network, { caches }: NameCaches): Port | undefined {
  const name = port.status?.dnsName
  if (name === undefined) return undefined
  return caches.ports
    .listBy('dnsName', nameKey(keyOfObject(network), name))
    .filter(({ metadata }) => metadata.uid !== port.metadata.uid)
    .find((other) => comesBefore(other, port, network))
}

function comesBefore(a: Port, b: Port, network: Network): boolean {
  const [isAForeign, isBForeign] = [isForeignTo(network, a), isForeignTo(network, b)]
  return isAForeign === isBForeign ? isOlder(a, b) : isBForeign
}

/** Ports that want the same name on the same network: who has it may have changed. */
export function listNamesakes(port: Port, { ports }: Pick<Caches, 'ports'>): string[] {
  return nameKeysOf(port)
    .flatMap((key) => ports.listBy('dnsName', key))
    .filter(({ metadata }) => metadata.uid !== port.metadata.uid)
    .map(keyOfObject)
}
