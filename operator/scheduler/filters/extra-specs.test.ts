// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { readByFilters } from './extra-specs.ts'

test('what filters read is kept: keys without a scope, and those of theirs', () => {
  const read = {
    ssd: 'true',
    'aggregate_instance_extra_specs:gpu': '1',
    'capabilities:cpu_info:arch': 'x',
    'nephele:x': 'y',
  }
  expect(readByFilters({ ...read, 'hw:require_kvm': 'true', 'hw:cpu_cores': '1', 'capabilities_of:x': '1' })).toEqual(
    read,
  )
  expect(readByFilters(undefined)).toEqual({})
})
