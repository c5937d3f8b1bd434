// SPDX-License-Identifier: Apache-2.0
// The single changes that a tired engineer makes, as text edits of one file: a check that is dropped, a bound that is flipped, a call
// (a wake-up, an fsync) that is missing, a step that is no longer waited for, two steps in the wrong order.
import ts from 'typescript'

export type MutantKind =
  | 'guard'
  | 'operand'
  | 'bound'
  | 'equality'
  | 'call'
  | 'await'
  | 'order'
  | 'arithmetic'
  | 'boolean'
  | 'default'
  | 'swap'
  | 'return'

export interface Mutant {
  kind: MutantKind
  /** Offsets into the file's text. */
  start: number
  end: number
  replacement: string
  /** From 1. */
  line: number
  /** The text that is replaced, on one line and cut. */
  original: string
}

const FLIPPED: Partial<Record<ts.SyntaxKind, { kind: MutantKind; text: string }>> = {
  [ts.SyntaxKind.LessThanToken]: { kind: 'bound', text: '<=' },
  [ts.SyntaxKind.LessThanEqualsToken]: { kind: 'bound', text: '<' },
  [ts.SyntaxKind.GreaterThanToken]: { kind: 'bound', text: '>=' },
  [ts.SyntaxKind.GreaterThanEqualsToken]: { kind: 'bound', text: '>' },
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: { kind: 'equality', text: '!==' },
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: { kind: 'equality', text: '===' },
  [ts.SyntaxKind.PlusToken]: { kind: 'arithmetic', text: '-' },
  [ts.SyntaxKind.MinusToken]: { kind: 'arithmetic', text: '+' },
}

/** Names that are easily taken for each other. */
const SWAPPED: Readonly<Record<string, string>> = { some: 'every', every: 'some', min: 'max', max: 'min' }

/** Words that nobody promises: what goes to the log may change without a test. */
const LOG_CALL = /\blog\??\.(trace|debug|info|warn|error|fatal)\(/

/** All mutants of a TypeScript file, in the order of the text. Pure. */
export function listMutants(fileName: string, text: string): Mutant[] {
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS)
  const mutants: Mutant[] = []
  const add = (kind: MutantKind, start: number, end: number, replacement: string) => {
    const line = source.getLineAndCharacterOfPosition(start).line + 1
    const original = text.slice(start, end).replaceAll(/\s+/g, ' ').slice(0, 100)
    mutants.push({ kind, start, end, replacement, line, original })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
    if (ts.isIfStatement(node)) add('guard', node.expression.getStart(), node.expression.end, 'false')
    if (ts.isConditionalExpression(node)) add('guard', node.condition.getStart(), node.condition.end, 'false')
    if (ts.isBinaryExpression(node)) addBinary(node, add)
    if (ts.isExpressionStatement(node)) addStatement(node, text, add)
    if (ts.isBlock(node) || ts.isSourceFile(node)) addOrders(node.statements, text, add)
    if (ts.isBlock(node)) addReturn(node, add)
    if (ts.isCallExpression(node)) addSwap(node.expression, add)
    if (node.kind === ts.SyntaxKind.TrueKeyword) add('boolean', node.getStart(), node.end, 'false')
    if (node.kind === ts.SyntaxKind.FalseKeyword) add('boolean', node.getStart(), node.end, 'true')
    ts.forEachChild(node, visit)
  }
  visit(source)
  return mutants.sort((a, b) => a.start - b.start)
}

type Add = (kind: MutantKind, start: number, end: number, replacement: string) => void

function addBinary(node: ts.BinaryExpression, add: Add): void {
  const { left, right, operatorToken } = node
  const flipped = FLIPPED[operatorToken.kind]
  const isText = [left, right].some((side) => ts.isStringLiteralLike(side) || ts.isTemplateExpression(side))
  if (flipped && !isText) add(flipped.kind, operatorToken.getStart(), operatorToken.end, flipped.text)
  if (operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) add('default', left.end, right.end, '')
  const isLogical =
    operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken || operatorToken.kind === ts.SyntaxKind.BarBarToken
  if (!isLogical) return
  add('operand', node.getStart(), left.end, neutral(node))
  add('operand', right.getStart(), right.end, neutral(node))
}

/** What an operand becomes when it no longer matters: a `&&` loses a demand, a `||` an alternative. */
function neutral(node: ts.BinaryExpression): string {
  return node.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken ? 'true' : 'false'
}

function addSwap(callee: ts.Expression, add: Add): void {
  if (!ts.isPropertyAccessExpression(callee)) return
  const swapped = SWAPPED[callee.name.text]
  if (swapped !== undefined) add('swap', callee.name.getStart(), callee.name.end, swapped)
}

/** The end of a branch that does something first: without it what follows is done too. */
function addReturn(block: ts.Block, add: Add): void {
  const last = block.statements.at(-1)
  if (block.statements.length < 2 || !ts.isIfStatement(block.parent) || !last || !ts.isReturnStatement(last)) return
  add('return', last.getStart(), last.end, last.expression ? `void ${last.expression.getText()}` : ';')
}

function addStatement(node: ts.ExpressionStatement, text: string, add: Add): void {
  const { expression } = node
  const inner = ts.isAwaitExpression(expression) || ts.isVoidExpression(expression) ? expression.expression : expression
  if (!ts.isCallExpression(inner) || inner.expression.kind === ts.SyntaxKind.SuperKeyword) return
  if (LOG_CALL.test(text.slice(node.getStart(), inner.arguments.pos))) return
  add('call', node.getStart(), node.end, ';')
  if (ts.isAwaitExpression(expression)) add('await', node.getStart(), expression.expression.getStart(), 'void ')
}

function addOrders(statements: ts.NodeArray<ts.Statement>, text: string, add: Add): void {
  for (const [i, first] of statements.entries()) {
    const second = statements[i + 1]
    if (second === undefined || !isStep(first, text) || !isStep(second, text)) continue
    // Two calls that return at once are seldom in an order that matters.
    if (!isAwaited(first) && !isAwaited(second)) continue
    const between = text.slice(first.end, second.getStart())
    const swapped = `${text.slice(second.getStart(), second.end)}${between}${text.slice(first.getStart(), first.end)}`
    add('order', first.getStart(), second.end, swapped)
  }
}

function isAwaited(statement: ts.Statement): boolean {
  return ts.isExpressionStatement(statement) && ts.isAwaitExpression(statement.expression)
}

/** A call for its effect: something whose place in the order may matter. */
function isStep(statement: ts.Statement, text: string): boolean {
  if (!ts.isExpressionStatement(statement)) return false
  if (LOG_CALL.test(text.slice(statement.getStart(), statement.end))) return false
  const { expression } = statement
  return ts.isAwaitExpression(expression) || ts.isCallExpression(expression) || ts.isVoidExpression(expression)
}
