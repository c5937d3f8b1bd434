// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateImagePropertiesIsolationFilter } from './aggregate-image-properties-isolation.ts'

test.each<[string, Record<string, string>[], Record<string, string> | undefined, string | undefined]>([
  ['no aggregate', [], { os_distro: 'windows' }, undefined],
  ['the same value', [{ os_distro: 'windows' }], { os_distro: 'windows' }, undefined],
  ['one of the values', [{ os_distro: 'windows, debian' }], { os_distro: 'debian' }, undefined],
  [
    'a value of another aggregate',
    [{ os_distro: 'windows' }, { os_distro: 'debian' }],
    { os_distro: 'debian' },
    undefined,
  ],
  ['an image that says nothing of it', [{ os_distro: 'windows' }], {}, undefined],
  ['an image that says nothing', [{ os_distro: 'windows' }], { os_distro: '' }, undefined],
  ['nobody asks for an image', [{ os_distro: 'windows' }], undefined, undefined],
  [
    'another value',
    [{ ssd: 'true' }, { os_distro: 'windows' }],
    { os_distro: 'debian' },
    'is for images with os_distro windows by HostAggregate a2, this one has debian',
  ],
])('%s', (_, aggregates, imageProperties, why) => {
  const facts = { aggregates: aggregatesWith(...aggregates) }
  const request = imageProperties ? { imageProperties } : {}
  expect(refusalOf(aggregateImagePropertiesIsolationFilter, facts, request)).toBe(why)
})
