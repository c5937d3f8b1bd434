// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import * as kinds from '../../lib/api/kinds.ts'

const HELPERS = join(import.meta.dirname, '../../charts/nephele/templates/_helpers.tpl')

test('the policies about finalizers are for the kinds that have ours, all of them and no other', () => {
  const held = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('controller.ts'))
    .map((path) => readFileSync(join(import.meta.dirname, path), 'utf8'))
    .filter((text) => text.includes('finalizer: FINALIZER'))
    .map((text) => kinds[/kind: ([A-Z_]+),/.exec(text)?.[1] as 'INSTANCE'].plural)
  const listed = /"nephele.heldKinds" -\}\}\n\{\{- list (.*) \| toJson/.exec(readFileSync(HELPERS, 'utf8'))?.[1]
  expect(listed?.replaceAll('"', '').split(' ')).toEqual(held.sort())
  expect(held.length).toBeGreaterThan(8)
})
