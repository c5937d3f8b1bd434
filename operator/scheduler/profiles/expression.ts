// SPDX-License-Identifier: Apache-2.0
// Expressions of administrators, in CEL: https://cel.dev. What one may cost is bounded before it is evaluated.
import { Environment, type ASTNode } from '@marcbachmann/cel-js'

/** Of an expression, as the schema has it, too. */
const LIMITS = { maxAstNodes: 256, maxDepth: 16, maxListElements: 64, maxMapEntries: 64, maxCallArguments: 8 }

/** Walk over lists, each as often as the one around it has elements: two of them, one in the other, would multiply. */
const WALKS = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])
/** Takes exponential time with some patterns. */
const FORBIDDEN = new Set(['matches', 'bind'])

/** What expressions know; `toVariables` fills it in. */
const VARIABLES = ['instance', 'flavor', 'image', 'node', 'aggregate'] as const
export type Variables = Readonly<Record<(typeof VARIABLES)[number], Readonly<Record<string, unknown>>>>

export type Evaluate = (variables: Variables) => unknown
type Expression =
  | { ok: true; evaluate: Evaluate }
  /** In a sentence, without what led to it. */
  | { ok: false; why: string }

/** @param types that its result may have */
export function compileExpression(text: string, types: readonly string[]): Expression {
  try {
    const environment = new Environment({ limits: LIMITS })
    for (const name of VARIABLES) environment.registerVariable(name, 'map')
    const parsed = environment.parse(text)
    const { valid, type = 'dyn', error } = parsed.check()
    if (!valid) return { ok: false, why: firstLineOf(error) }
    if (type !== 'dyn' && !types.includes(type))
      return { ok: false, why: `it gives ${type}, not ${types.join(' or ')}` }
    const dear = findDear(parsed.ast, false)
    if (dear !== undefined) return { ok: false, why: dear }
    return { ok: true, evaluate: (variables) => parsed(variables) as unknown }
  } catch (error) {
    return { ok: false, why: firstLineOf(error) }
  }
}

export function firstLineOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 200) : 'it cannot be read'
}

function findDear(node: ASTNode, isInWalk: boolean): string | undefined {
  const { op, args } = node
  const name = (op === 'call' || op === 'rcall') && Array.isArray(args) ? args[0] : undefined
  if (name !== undefined && FORBIDDEN.has(name)) return `${name} is not allowed: it may take forever`
  const isWalk = op === 'rcall' && name !== undefined && WALKS.has(name)
  if (isWalk && isInWalk) return `${name} inside of another walk over a list is not allowed: it may take too long`
  for (const child of nodesIn(args)) {
    const dear = findDear(child, isInWalk || isWalk)
    if (dear !== undefined) return dear
  }
  return undefined
}

function nodesIn(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(nodesIn)
  const isNode = typeof args === 'object' && args !== null && 'op' in args && 'args' in args
  return isNode ? [args as ASTNode] : []
}
