// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { ObservedDocument } from '../../lib/contract/documents.ts'
import { ReportsOfObject } from './reports-of-object.ts'

const report = (node: string, state: number) => ({ node, state: `${state}` }) as unknown as ObservedDocument
const steps = fc.array(fc.tuple(fc.constantFrom('i.1', 'i.2'), fc.constantFrom('a', 'b', 'c'), fc.nat(2)))

test('each node has one report of an object, the last that it gave', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const model = new Map<string, Map<string, ObservedDocument>>([
        ['i.1', new Map()],
        ['i.2', new Map()],
      ])
      const reports = new ReportsOfObject()
      for (const [object, node, state] of all) {
        if (state === 0) {
          model.get(object)?.delete(node)
          reports.delete(object, node)
        } else {
          const given = report(node, state)
          model.get(object)?.set(node, given)
          reports.set(object, given)
        }
        for (const [name, held] of model) {
          expect(reports.list(name)).toEqual([...held.values()])
          for (const node of ['a', 'b', 'c']) expect(reports.find(name, node)).toBe(held.get(node))
        }
      }
    }),
  )
})
