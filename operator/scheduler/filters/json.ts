// SPDX-License-Identifier: Apache-2.0
import type { NodeRow } from '../nodes/node-facts.ts'
import type { RowFilter, Turn } from './filter.ts'

/** The schema bounds its length. It is a user's, and asked of every node: what it may cost the others is bounded here. */
const MOST_DEEP = 16
const MOST_OPERATORS = 32
/** Of queries that are kept compiled. */
const MOST_KEPT = 64

/**
 * Only nodes for which a query in JSON holds, such as `["and", [">=", "$free_ram_mb", 1024], ["=", "$hypervisor_type", "QEMU"]]`:
 * https://docs.openstack.org/nova/latest/admin/scheduling.html#jsonfilter
 */
export const jsonFilter: RowFilter = {
  name: 'JsonFilter',
  by: 'row',
  // Whether it asks for much or for little is not looked at.
  turnedBy: ({ hints }) => namesIn(parse(hints?.query ?? '')).flatMap((name) => VARIABLES.get(name)?.turnedBy ?? []),
  asks: ({ hints }) => hints?.query !== undefined,
  refuse(node, { hints }) {
    if (hints?.query === undefined) return undefined
    const holds = compiled(hints.query)(node)
    if (holds === INVALID)
      return 'cannot be asked: spec.schedulerHints.query is no query in JSON, such as [">=", "$free_ram_mb", 1024]'
    if (holds === TOO_LONG)
      return `cannot be asked: spec.schedulerHints.query has more than ${MOST_OPERATORS} operators, or more than ${MOST_DEEP} one in the other`
    return (Array.isArray(holds) ? holds.some(isTrue) : isTrue(holds))
      ? undefined
      : 'is not as spec.schedulerHints.query asks'
  },
}

const INVALID = Symbol('no query')
const TOO_LONG = Symbol('too long')
type Value = string | number | boolean | null | Value[] | typeof INVALID | typeof TOO_LONG
type Query = (node: NodeRow) => Value

const invalid: Query = () => INVALID
const tooLong: Query = () => TOO_LONG

let last: { text: string; query: Query } | undefined
const kept = new Map<string, Query>()
/** The same query is asked of every node, and again when its machine waits. */
function compiled(text: string): Query {
  if (last?.text === text) return last.query
  const query = kept.get(text) ?? compile(parse(text), { depth: 0, left: { operators: MOST_OPERATORS } })
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

interface Bounds {
  depth: number
  /** Shared by the whole query. */
  left: { operators: number }
}

/** Once for all nodes. One that is no query is so for each of them, whatever stands beside it. */
function compile(query: unknown, { depth, left }: Bounds): Query {
  if (!Array.isArray(query)) return invalid
  if (depth > MOST_DEEP || left.operators-- === 0) return tooLong
  const [command, ...rest] = query as unknown[]
  // An empty one asks for nothing.
  if (command === undefined) return () => true
  const operator = typeof command === 'string' ? OPERATORS.get(command) : undefined
  if (!operator) return invalid
  const operands: Query[] = rest.map((one) =>
    Array.isArray(one) ? compile(one, { depth: depth + 1, left }) : valueOf(one),
  )
  const broken = operands.find((operand) => operand === invalid || operand === tooLong)
  return broken ?? bind(command as string, operator, operands)
}

/** What the node does not say is left out, as in Nova. Most queries are of these few shapes, which make no list for each node. */
function bind(command: string, operator: Operator, operands: readonly Query[]): Query {
  const [a, b] = operands
  if (command === 'or') return (node) => operands.some((operand) => isTrue(operand(node)))
  if (command === 'and')
    return (node) =>
      operands.every((operand) => {
        const value = operand(node)
        return value === null || isTrue(value)
      })
  const compare = COMPARISONS.get(command)
  if (compare && a && b && operands.length === 2)
    return (node) => {
      const left: Value = a(node)
      const right: Value = b(node)
      return left !== null && right !== null && compare(left, right)
    }
  return (node) => {
    const values: Value[] = []
    for (const operand of operands) {
      const value = operand(node)
      if (value !== null) values.push(value)
    }
    return operator(values)
  }
}

type Compare = (a: Value, b: Value) => boolean
type Operator = (operands: readonly Value[]) => Value

const all =
  (compare: Compare): Operator =>
  (operands) => {
    const [first] = operands
    if (first === undefined || operands.length < 2) return false
    for (let i = 1; i < operands.length; i++) if (!compare(first, operands[i] as Value)) return false
    return true
  }
const inOrder =
  (compare: (a: number | string, b: number | string) => boolean): Compare =>
  (a, b) =>
    (typeof a === 'number' || typeof a === 'string') && typeof a === typeof b && compare(a, b as typeof a)

/** The first with each of the others. */
const COMPARISONS = new Map<string, Compare>([
  ['=', (a, b) => a === b],
  ['<', inOrder((a, b) => a < b)],
  ['>', inOrder((a, b) => a > b)],
  ['<=', inOrder((a, b) => a <= b)],
  ['>=', inOrder((a, b) => a >= b)],
])

const OPERATORS = new Map<string, Operator>([
  ...[...COMPARISONS].map(([name, compare]) => [name, all(compare)] as const),
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
  const [name] = namesIn(literal)
  if (name !== undefined) {
    const { read } = VARIABLES.get(name) ?? {}
    return read ? (node) => read(node) ?? null : () => null
  }
  if (!['string', 'number', 'boolean'].includes(typeof literal) && literal !== null) return invalid
  // As in Nova: an empty text is left out.
  const value = literal === '' ? null : (literal as Value)
  return () => value
}

/** What is read of the node anywhere in a query. */
function namesIn(query: unknown): string[] {
  if (Array.isArray(query)) return query.flatMap(namesIn)
  return typeof query === 'string' && query.startsWith('$') ? [query.slice(1)] : []
}

interface Variable {
  /** What machines do that changes it. */
  turnedBy: readonly Turn[]
  read: (node: NodeRow) => string | number | undefined
}
const ofNode = (read: Variable['read']): Variable => ({ turnedBy: [], read })
const ofUse = (read: Variable['read']): Variable => ({ turnedBy: ['freed', 'taken'], read })

const VARIABLES = new Map<string, Variable>([
  ['host', ofNode(({ name }) => name)],
  ['hypervisor_hostname', ofNode(({ name }) => name)],
  ['hypervisor_type', ofNode(({ hypervisorType }) => hypervisorType)],
  ['host_ip', ofNode(({ address }) => address)],
  ['total_usable_ram_mb', ofNode(({ memoryMiB }) => memoryMiB)],
  ['free_ram_mb', ofUse(({ memoryMiB, usedMemoryMiB }) => memoryMiB - usedMemoryMiB)],
  ['total_usable_disk_gb', ofNode(({ diskGiB }) => diskGiB)],
  ['free_disk_mb', ofUse(({ diskGiB, usedDiskGiB }) => (diskGiB - usedDiskGiB) * 1024)],
  // What there is, as in Nova: not what is handed out of it.
  ['vcpus_total', ofNode(({ capacity }) => capacity.vcpus)],
  ['vcpus_used', ofUse(({ usedVcpus }) => usedVcpus)],
  ['num_instances', ofUse(({ instances }) => instances)],
  ['num_io_ops', { turnedBy: ['built', 'taken'], read: ({ ioOps }) => ioOps }],
  ['failed_builds', { turnedBy: ['failures'], read: ({ failedBuilds }) => failedBuilds }],
])
