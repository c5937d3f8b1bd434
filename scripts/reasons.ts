// SPDX-License-Identifier: Apache-2.0
// The reasons that conditions and events can carry, read from the source: docs/troubleshooting.md must explain each.
import ts from 'typescript'

const REASON = /^(?!True$|False$|Unknown$)[A-Z][A-Za-z]+$/
/** Functions and classes that take a reason, and which argument it is. */
const TAKES_REASON = new Map([
  ...['waitFor', 'missing', 'TerminalError', 'TransientError', 'super'].map((name) => [name, 0] as const),
  ['leaveNode', 1],
])

/** Pure: reasons in one file's text. `${kind}NotFound` is given as `<kind>NotFound`. */
export function reasonsIn(text: string): Set<string> {
  const reasons = new Set<string>()
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && REASON.test(node.text)) reasons.add(node.text)
    if (ts.isTemplateExpression(node) && node.head.text === '') {
      const suffix = node.templateSpans[0]?.literal.text ?? ''
      if (REASON.test(suffix)) reasons.add(`<kind>${suffix}`)
    }
    ts.forEachChild(node, collect)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const at = TAKES_REASON.get(node.expression.getText())
      const reason = at === undefined ? undefined : node.arguments?.[at]
      if (reason) collect(reason)
    } else if (isNamedReason(node)) {
      ts.forEachChild(node, collect)
    } else if (ts.isFunctionDeclaration(node) && node.name?.text === 'reasonOf' && node.body) {
      collect(node.body)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true))
  return reasons
}

/** `reason: …` of an object or a type, `const reason = …`, `{ reason = … }`. */
function isNamedReason(node: ts.Node): boolean {
  const isOne =
    ts.isPropertyAssignment(node) ||
    ts.isPropertySignature(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isBindingElement(node)
  return isOne && node.name.getText() === 'reason'
}

/** Pure: what stands in backquotes in the first column of the page's tables. */
export function explainedReasons(page: string): Set<string> {
  const cells = page.split('\n').flatMap((line) => /^\| (.*?) \|/.exec(line)?.[1] ?? [])
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? '')))
}

/** Pure: those whose second column says that only a changed spec or a person helps. */
export function stallingReasons(page: string): Set<string> {
  const rows = page.split('\n').flatMap((line) => /^\| (.*?) \| S +\|/.exec(line)?.[1] ?? [])
  return new Set(rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? '')))
}
