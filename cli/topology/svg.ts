// SPDX-License-Identifier: Apache-2.0
// The same tree as a picture: a column for each depth, each node beside the middle of its children. SVG 1.1, without scripts or references.
import { create } from 'xmlbuilder2'
import { terminalText } from '../output/terminal-text.ts'
import type { NodeKind, TopologyNode } from './topology.ts'

const BOX = { width: 250, height: 44, gapX: 60, gapY: 14, margin: 20 }
/** Characters that fit into a box: of the title, and of the smaller line below. */
const FITS = { title: 32, facts: 40 }
const FILLS: Readonly<Record<NodeKind, string>> = {
  external: '#dbeafe',
  router: '#fef3c7',
  network: '#dcfce7',
  instance: '#ffffff',
  balancer: '#f3e8ff',
  group: '#f3f4f6',
}

interface Placed {
  node: TopologyNode
  x: number
  y: number
  children: Placed[]
}

/** A document of its own. */
export function svgOf(nodes: readonly TopologyNode[], title: string): string {
  let nextY = BOX.margin
  let right = 0
  const place = (node: TopologyNode, depth: number): Placed => {
    const x = BOX.margin + depth * (BOX.width + BOX.gapX)
    right = Math.max(right, x + BOX.width)
    const children = node.children.map((child) => place(child, depth + 1))
    const [first, last] = [children.at(0), children.at(-1)]
    if (first && last) return { node, x, y: (first.y + last.y) / 2, children }
    const y = nextY
    nextY += BOX.height + BOX.gapY
    return { node, x, y, children }
  }
  const placed = nodes.map((node) => place(node, 0))
  const [width, height] = [right + BOX.margin, nextY + BOX.margin]
  const svg = create({ version: '1.0', encoding: 'UTF-8' }).ele('http://www.w3.org/2000/svg', 'svg', {
    ...{ width, height, viewBox: `0 0 ${width} ${height}`, role: 'img' },
    'font-family': 'sans-serif',
  })
  svg.ele('title').txt(terminalText(title))
  svg.ele('rect', { width, height, fill: '#ffffff' })
  for (const one of placed) draw(one)
  return svg.end({ prettyPrint: true })

  function draw({ node, x, y, children }: Placed): void {
    for (const child of children) {
      const [fromX, fromY, toY] = [x + BOX.width, y + BOX.height / 2, child.y + BOX.height / 2]
      const middle = fromX + BOX.gapX / 2
      svg.ele('path', { d: `M ${fromX} ${fromY} H ${middle} V ${toY} H ${child.x}`, fill: 'none', stroke: '#6b7280' })
      draw(child)
    }
    const stroke = node.isTroubled ? '#dc2626' : '#374151'
    svg.ele('rect', { x, y, width: BOX.width, height: BOX.height, rx: 6, fill: FILLS[node.kind], stroke })
    text(node.title, { x: x + 10, y: y + 18, size: 13, fits: FITS.title })
    text([...node.facts, ...(node.isTroubled ? ['not ready'] : [])].join('  '), {
      x: x + 10,
      y: y + 35,
      size: 11,
      fits: FITS.facts,
    })
  }

  function text(what: string, { x, y, size, fits }: { x: number; y: number; size: number; fits: number }): void {
    const clean = terminalText(what)
    const shown = clean.length > fits ? `${clean.slice(0, fits - 1)}…` : clean
    svg.ele('text', { x, y, 'font-size': size, fill: '#111827' }).txt(shown)
  }
}
