// SPDX-License-Identifier: Apache-2.0
import type { NodeRow } from '../nodes/node-facts.ts'
import type { RowFilter } from './filter.ts'

/** As text; the schema bounds its length. */
const MOST_DEEP = 16

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
    const holds = evaluate(parse(hints.query), node, 0)
    if (holds === INVALID)
      return 'cannot be asked: spec.schedulerHints.query is no query in JSON, such as [">=", "$free_ram_mb", 1024]'
    return (Array.isArray(holds) ? holds.some(isTrue) : isTrue(holds))
      ? undefined
      : 'is not as spec.schedulerHints.query asks'
  },
}

const INVALID = Symbol('no query')
type Value = string | number | boolean | null | Value[] | typeof INVALID

let last: { text: string; parsed: unknown } | undefined
/** The same query is asked of every node. */
function parse(text: string): unknown {
  if (last?.text === text) return last.parsed
  let parsed: unknown = INVALID
  try {
    parsed = JSON.parse(text)
  } catch {
    // Said of each node.
  }
  last = { text, parsed }
  return parsed
}

function evaluate(query: unknown, node: NodeRow, depth: number): Value {
  if (!Array.isArray(query) || depth > MOST_DEEP) return INVALID
  const [command, ...rest] = query as unknown[]
  // An empty one asks for nothing.
  if (command === undefined) return true
  const operator = typeof command === 'string' ? OPERATORS.get(command) : undefined
  if (!operator) return INVALID
  const operands: Value[] = []
  for (const one of rest) {
    const value = Array.isArray(one) ? evaluate(one, node, depth + 1) : valueOf(one, node)
    if (value === INVALID) return INVALID
    // What the node does not say is left out, as in Nova.
    if (value !== null) operands.push(value)
  }
  return operator(operands)
}

const all =
  (compare: (a: Value, b: Value) => boolean) =>
  ([first, ...others]: readonly Value[]): Value =>
    first !== undefined && others.length > 0 && others.every((other) => compare(first, other))
const inOrder = (compare: (a: number | string, b: number | string) => boolean) =>
  all((a, b) => (typeof a === 'number' || typeof a === 'string') && typeof a === typeof b && compare(a, b as typeof a))

const OPERATORS = new Map<string, (operands: readonly Value[]) => Value>([
  ['=', all((a, b) => a === b)],
  ['<', inOrder((a, b) => a < b)],
  ['>', inOrder((a, b) => a > b)],
  ['<=', inOrder((a, b) => a <= b)],
  ['>=', inOrder((a, b) => a >= b)],
  ['in', ([first, ...others]) => first !== undefined && others.includes(first)],
  ['not', (operands) => operands.map((operand) => !isTrue(operand))],
  ['or', (operands) => operands.some(isTrue)],
  ['and', (operands) => operands.every(isTrue)],
])

/** As Python has it. */
function isTrue(value: Value): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}

/** A name behind a dollar is read of the node; null: it has none. */
function valueOf(literal: unknown, node: NodeRow): Value {
  if (typeof literal === 'string' && literal.startsWith('$')) return VARIABLES.get(literal.slice(1))?.(node) ?? null
  if (['string', 'number', 'boolean'].includes(typeof literal) || literal === null) return literal as Value
  return INVALID
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
