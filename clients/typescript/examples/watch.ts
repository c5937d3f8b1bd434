// SPDX-License-Identifier: Apache-2.0
// `node watch.ts NAMESPACE`: a line for each change of a Network's or Subnet's state, until it is interrupted.
import { K8s } from 'kubernetes-fluent-client'
import { Network, Subnet } from '@nephele/client'

const [, , namespace = 'default'] = process.argv
const shown = new Map<string, string>()

function show(object: Network | Subnet, phase: string): void {
  const what = `${object.kind} ${object.metadata?.name}`
  const state = phase === 'DELETED' ? 'gone' : (object.status?.state ?? 'new')
  // The list at the start, and after each lost connection, says again what is known.
  if (shown.get(what) !== state) console.log(`${what} ${state}`)
  shown.set(what, state)
}

const watches = [Network, Subnet].map((kind) => K8s(kind).InNamespace(namespace).Watch(show))
process.once('SIGINT', () => watches.forEach((watch) => watch.close()))
await Promise.all(watches.map((watch) => watch.start()))
