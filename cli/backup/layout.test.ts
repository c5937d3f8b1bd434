// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { FLAVOR, INSTANCE } from '../../lib/api/kinds.ts'
import { pathOf } from './layout.ts'

const at = (name: string) => ({ metadata: { name, namespace: 'team', uid: 'u', resourceVersion: '1' } })

test('as Velero has it', () => {
  expect(pathOf(INSTANCE, at('web'))).toBe('resources/instances.nephele.dev/namespaces/team/web.json')
  expect(pathOf(FLAVOR, at('small'))).toBe('resources/flavors.nephele.dev/cluster/small.json')
})

test('the longest names are files, too, and none is another’s', () => {
  const names = ['a', 'b'].map((last) => 'x'.repeat(252) + last)
  const files = names.map((name) => pathOf(INSTANCE, at(name)).split('/').at(-1) ?? '')
  expect(new Set(files).size).toBe(2)
  expect(files.every(({ length }) => length <= 255)).toBe(true)
})
