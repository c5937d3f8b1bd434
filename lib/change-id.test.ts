// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { changeOf } from './change-id.ts'

test.each([
  [{ uid: '9e5c732d-8d6c-4e43-88d3-fe57461e7912', generation: 4 }, '9e5c732d.4'],
  [{ uid: 'u' }, 'u.0'],
  [{}, '.0'],
])('%j is %s', (object, change) => expect(changeOf(object)).toBe(change))
