// SPDX-License-Identifier: Apache-2.0
import type { NodeRow } from '../nodes/node-facts.ts'
import type { RowFilter } from './filter.ts'

/** As text; the schema bounds its length. */
const MOST_DEEP = 16
/** Of queries that are kept compiled. */
const MOST_KEPT = 64

/**
 * Only nodes for which a query in JSON holds, such as `["and", [">=", "$free_ram_mb", 1024], ["=", "$hypervisor_type", "QEMU"]]`:
 * https://docs.openstack.org/nova/latest/admin/scheduling.html#jsonfilter
 */
export const jsonFilter: RowFilter = {
  name: 'JsonFilter',
  by: 'row',
  asks: ({ hints }) => hints?.query !== undefined,
  refuse(node, { hints }) {
    if (hints?.query === undefined) return undefined
    const holds = compiled(hints.query)(node)
    if (holds === INVALID)
      return 'cannot be asked: spec.schedulerHints.query is no query in JSON, such as [">=", "$free_ram_mb", 1024]'
    return (Array.isArray(holds) ? holds.some(isTrue) : isTrue(holds))
      ? undefined
      : 'is not as spec.schedulerHints.query asks'
  },
}

const INVALID = Symbol('no query')
type Value = string | number | boolean | null | Value[] | typeof INVALID
type Query = (node: NodeRow) => Value

const invalid: Query = () => INVALID

let last: { text: string; query: Query } | undefined
const kept = new Map<string, Query>()
/** The same query is asked of every node, and again when its machine waits. */
function compiled(text: string): Query {
  if (last?.text === text) return last.query
  const query = kept.get(text) ?? compile(parse(text), 0)
  kept.delete(text)
  kept.set(text, query)
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break
    kept.delete(oldest)
  }
  last = { text, query }
  return query
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Said of each node.
    return undefined
  }
}

/** Once for all nodes. One that is no query is so for each of them, whatever stands beside it. */
function compile(query: unknown, depth: number): Query {
  if (!Array.isArray(query) || depth > MOST_DEEP) return invalid
  const [command, ...rest] = query as unknown[]
  // An empty one asks for nothing.
  if (command === undefined) return () => true
  const operator = typeof command === 'string' ? OPERATORS.get(command) : undefined
  if (!operator) return invalid
  const operands: Query[] = rest.map((one) => (Array.isArray(one) ? compile(one, depth + 1) : valueOf(one)))
  if (operands.includes(invalid)) return invalid
  return (node) => {
    const values: Value[] = []
    for (const operand of operands) {
      const value = operand(node)
      // What the node does not say is left out, as in Nova.
      if (value !== null) values.push(value)
    }
    return operator(values)
  }
}

const all =
  (compare: (a: Value, b: Value) => boolean) =>
  (operands: readonly Value[]): Value => {
    const [first] = operands
    if (first === undefined || operands.length < 2) return false
    for (let i = 1; i < operands.length; i++) if (!compare(first, operands[i] as Value)) return false
    return true
  }
const inOrder = (compare: (a: number | string, b: number | string) => boolean) =>
  all((a, b) => (typeof a === 'number' || typeof a === 'string') && typeof a === typeof b && compare(a, b as typeof a))

const OPERATORS = new Map<string, (operands: readonly Value[]) => Value>([
  ['=', all((a, b) => a === b)],
  ['<', inOrder((a, b) => a < b)],
  ['>', inOrder((a, b) => a > b)],
  ['<=', inOrder((a, b) => a <= b)],
  ['>=', inOrder((a, b) => a >= b)],
  ['in', (operands) => operands.length > 0 && operands.indexOf(operands[0] as Value, 1) > 0],
  ['not', (operands) => operands.map((operand) => !isTrue(operand))],
  ['or', (operands) => operands.some(isTrue)],
  ['and', (operands) => operands.every(isTrue)],
])

/** As Python has it. */
function isTrue(value: Value): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}

/** A name behind a dollar is read of the node; null: it has none. */
function valueOf(literal: unknown): Query {
  if (typeof literal === 'string' && literal.startsWith('$')) {
    const read = VARIABLES.get(literal.slice(1))
    return read ? (node) => read(node) ?? null : () => null
  }
  if (!['string', 'number', 'boolean'].includes(typeof literal) && literal !== null) return invalid
  const value = literal as Value
  return () => value
}

const VARIABLES = new Map<string, (node: NodeRow) => string | number | undefined>([
  ['host', ({ name }) => name],
  ['hypervisor_hostname', ({ name }) => name],
  ['hypervisor_type', ({ hypervisorType }) => hypervisorType],
  ['host_ip', ({ address }) => address],
  ['total_usable_ram_mb', ({ memoryMiB }) => memoryMiB],
  ['free_ram_mb', ({ memoryMiB, usedMemoryMiB }) => memoryMiB - usedMemoryMiB],
  ['total_usable_disk_gb', ({ diskGiB }) => diskGiB],
  ['free_disk_mb', ({ diskGiB, usedDiskGiB }) => (diskGiB - usedDiskGiB) * 1024],
  ['vcpus_total', ({ vcpus }) => vcpus],
  ['vcpus_used', ({ usedVcpus }) => usedVcpus],
  ['num_instances', ({ instances }) => instances],
  ['num_io_ops', ({ ioOps }) => ioOps],
  ['failed_builds', ({ failedBuilds }) => failedBuilds],
])
