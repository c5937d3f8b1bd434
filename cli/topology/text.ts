// SPDX-License-Identifier: Apache-2.0
import { terminalText } from '../output/terminal-text.ts'
import type { TopologyNode } from './topology.ts'

/** A line each, with the branches of a tree before it, as tree(1) draws them. */
export function textOf(nodes: readonly TopologyNode[]): string[] {
  return nodes.flatMap((node) => [lineOf(node), ...branches(node.children, '')])
}

function branches(nodes: readonly TopologyNode[], before: string): string[] {
  return nodes.flatMap((node, i) => {
    const isLast = i === nodes.length - 1
    return [
      `${before}${isLast ? '└── ' : '├── '}${lineOf(node)}`,
      ...branches(node.children, `${before}${isLast ? '    ' : '│   '}`),
    ]
  })
}

function lineOf({ title, facts, isTroubled }: TopologyNode): string {
  return terminalText([title, ...facts, ...(isTroubled ? ['(not ready)'] : [])].join('  '))
}
