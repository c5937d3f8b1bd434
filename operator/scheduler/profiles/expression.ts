// SPDX-License-Identifier: Apache-2.0
// Expressions of administrators, in CEL: https://cel.dev. What one may cost is bounded before it is evaluated.
import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import type { Turn } from '../filters/filter.ts'
import { CONSTRUCTORS, FIELDS, type Variables } from './variable-types.ts'

/** Of an expression, as the schema has it, too. */
const LIMITS = { maxAstNodes: 256, maxDepth: 16, maxListElements: 64, maxMapEntries: 64, maxCallArguments: 8 }

/** Walk over lists, each as often as the one around it has elements: two of them, one in the other, would multiply. */
const WALKS = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])
/**
 * All that an expression may call: each takes time by the length of what it is given, and gives no more than that. The library has others that do not:
 * `matches` takes exponential time with some patterns, `join` behind `split` makes texts of any length of short ones, time zones take a
 * hundred times as long as all else.
 */
const ALLOWED = new Set([
  ...WALKS,
  ...['has', 'size', 'type', 'dyn', 'bool', 'int', 'uint', 'double', 'string'],
  ...['startsWith', 'endsWith', 'contains', 'indexOf', 'lastIndexOf', 'substring', 'split'],
  ...['lowerAscii', 'upperAscii', 'trim'],
])

/** What `+` may give: texts and lists would grow with each. */
const SUMS = new Set(['int', 'uint', 'double', 'google.protobuf.Duration', 'google.protobuf.Timestamp'])

/** Of `node`, what it has in common with others of its class. */
const SHARED = new Set(['zone', 'acceleration', 'hypervisorType', 'hypervisorVersion'])

/** Of `node`, by what machines do it changes. Whether an expression asks for more or for less of it is not known. */
const TURNED_BY: Readonly<Record<keyof (typeof FIELDS)['node'], readonly Turn[]>> = {
  ...{ name: [], zone: [], acceleration: [], hypervisorType: [], hypervisorVersion: [] },
  ...{ vcpus: [], memoryMiB: [], diskGiB: [] },
  ...{ freeVcpus: ['freed', 'taken'], freeMemoryMiB: ['freed', 'taken'], freeDiskGiB: ['freed', 'taken'] },
  ...{ instances: ['freed', 'taken'], ioOps: ['built', 'taken'], failedBuilds: ['failures'] },
}
const EVERYTHING = Object.keys(TURNED_BY) as (keyof typeof TURNED_BY)[]

export interface Expression {
  evaluate: (variables: Variables) => unknown
  /** It reads nothing of a node but what all of its class have in common. */
  isOfClass: boolean
  /** What machines do that may make it say something else. */
  turnedBy: readonly Turn[]
  /** It may read the machine's UID. */
  asksForUid: boolean
}

/**
 * @param types that its result may have
 * @returns why: in a sentence, without what led to it
 */
export function compileExpression(
  text: string,
  types: readonly string[],
): ({ ok: true } & Expression) | { ok: false; why: string } {
  try {
    const parsed = newEnvironment().parse(text)
    const { valid, type = 'dyn', error } = parsed.check()
    if (!valid) return { ok: false, why: firstLineOf(error) }
    if (type !== 'dyn' && !types.includes(type))
      return { ok: false, why: `it gives ${type}, not ${types.join(' or ')}` }
    const dear = findDear(parsed.ast, false)
    if (dear !== undefined) return { ok: false, why: dear }
    const reads = new Set(fieldsReadIn(parsed.ast))
    return {
      ok: true,
      evaluate: (variables) => parsed(variables) as unknown,
      isOfClass: [...reads].every((field) => SHARED.has(field)),
      turnedBy: [...new Set([...reads].flatMap((field) => TURNED_BY[field]))],
      asksForUid: /\buid\b/.test(text),
    }
  } catch (error) {
    return { ok: false, why: firstLineOf(error) }
  }
}

function newEnvironment(): Environment {
  const environment = new Environment({ limits: LIMITS })
  for (const [name, fields] of Object.entries(FIELDS)) {
    const type = `nephele.${name}`
    environment.registerType(type, { ctor: CONSTRUCTORS[name as keyof typeof FIELDS], fields })
    environment.registerVariable(name, type)
  }
  return environment
}

export function firstLineOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 200) : 'it cannot be read'
}

function findDear(node: ASTNode, isInWalk: boolean): string | undefined {
  const { op, args } = node
  const name = (op === 'call' || op === 'rcall') && Array.isArray(args) ? args[0] : undefined
  if (name !== undefined && !ALLOWED.has(name))
    return `${name} is not allowed: an expression may call ${[...ALLOWED].sort().join(', ')}`
  // Types do not show it; where it is not there, nothing is added.
  if (op === '+' && !SUMS.has((node as { checkedType?: { name?: string } }).checkedType?.name ?? ''))
    return '+ adds numbers alone: texts and lists may grow without bounds'
  const isWalk = op === 'rcall' && name !== undefined && WALKS.has(name)
  if (isWalk && isInWalk) return `${name} inside of another walk over a list is not allowed: it may take too long`
  for (const child of nodesIn(args)) {
    const dear = findDear(child, isInWalk || isWalk)
    if (dear !== undefined) return dear
  }
  return undefined
}

/** Of `node`. Where that stands by itself all of it may be read. */
function fieldsReadIn(node: ASTNode): readonly (keyof typeof TURNED_BY)[] {
  if (node.op === 'id') return node.args === 'node' ? EVERYTHING : []
  if (node.op === '.' && node.args[0].op === 'id' && node.args[0].args === 'node')
    return EVERYTHING.filter((field) => field === node.args[1])
  return nodesIn(node.args).flatMap(fieldsReadIn)
}

function nodesIn(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(nodesIn)
  return isNode(args) ? [args] : []
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}
