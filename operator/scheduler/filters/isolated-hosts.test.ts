// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { refusalOf } from '../testing.ts'
import { isolatedHostsFilter } from './isolated-hosts.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

const isolation = (restrict: boolean) => ({
  ...{ nodes: new Set(['win-1']), images: new Set(['images/windows']), restrict },
})
const OTHER_IMAGE = 'is for isolated images alone'
const OTHER_NODE = 'is not one of the nodes that Image images/windows is for'

test.each<[string, string | undefined, boolean, string | undefined]>([
  ['win-1', 'images/windows', true, undefined],
  ['win-1', 'images/debian', true, OTHER_IMAGE],
  ['win-1', undefined, true, OTHER_IMAGE],
  ['n1', 'images/windows', true, OTHER_NODE],
  ['n1', 'images/debian', true, undefined],
  ['win-1', 'images/debian', false, undefined],
  ['n1', 'images/windows', false, OTHER_NODE],
])('node %s, image %s, restricted: %s', (name, image, restrict, why) => {
  const settings = { ...DEFAULT_SETTINGS, isolation: isolation(restrict) }
  const request = { settings, ...(image === undefined ? {} : { image }) }
  expect(isolatedHostsFilter.asks({ ...request } as never)).toBe(true)
  expect(refusalOf(isolatedHostsFilter, { name }, request)).toBe(why)
})

test('without isolation it refuses nobody', () => {
  expect(refusalOf(isolatedHostsFilter, {}, { settings: DEFAULT_SETTINGS, image: 'images/windows' })).toBeUndefined()
  expect(isolatedHostsFilter.asks({} as never)).toBe(false)
})
