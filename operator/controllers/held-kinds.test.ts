// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readCrds } from '../../crds/suite/schema.ts'
import { FINALIZER } from '../../lib/api/kinds.ts'
import { memoryWorld } from '../testing/memory-deps.ts'
import { defineControllers } from './all.ts'

const GROUP = 'nephele.dev'

test('crds/ says of which kinds the operator has its finalizer; the policies about finalizers are made from it', () => {
  const { deps, stores } = memoryWorld()
  const ours = defineControllers(deps, stores as never, {}).filter(([, { kind }]) => kind.group === GROUP)
  const held = ours.filter(([, { finalizer }]) => finalizer === FINALIZER).map(([, { kind }]) => kind.plural)
  const said = readCrds().flatMap(({ metadata, spec: { names, versions } }) =>
    versions[0]?.subresources && metadata.annotations?.['nephele.dev/held'] !== 'false' ? [names.plural] : [],
  )
  // A plural in the second list alone: nephele.dev/held: 'false' in its definition. In the first alone: that has to go.
  expect(held.sort()).toEqual(said.sort())
  expect(held.length).toBeGreaterThan(8)
})
