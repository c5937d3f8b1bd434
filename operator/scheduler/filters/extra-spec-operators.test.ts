// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { matchesExtraSpec } from './extra-spec-operators.ts'

// Nova's own cases: nova/tests/unit/scheduler/filters/test_extra_specs_ops.py
test.each([
  ['1', '1', true],
  ['', '1', false],
  ['3', '1', false],
  ['222', '2', false],
  ['123', '= 123', true],
  ['124', '= 123', true],
  ['34', '= 234', false],
  ['34', '=', false],
  ['123', 's== 123', true],
  ['1234', 's== 123', false],
  ['1234', 's!= 123', true],
  ['123', 's!= 123', false],
  ['1000', 's>= 234', false],
  ['234', 's>= 234', true],
  ['1234', 's<= 1000', false],
  ['1000', 's<= 1234', true],
  ['2', 's< 12', false],
  ['12', 's< 2', true],
  ['12', 's> 2', false],
  ['2', 's> 12', true],
  ['12311321', '<in> 11', true],
  ['12310321', '<in> 11', false],
  ['12', '<or> 11 <or> 12', true],
  ['12', '<or> 11 <or> 12 <or>', true],
  ['13', '<or> 11 <or> 12', false],
  ['11', '<or> 11 <or> 12 <or>', true],
  ['<or>', '<or> 11 <or> 12', false],
  ['123', '<= 124', true],
  ['34', '<= 234', true],
  ['235', '<= 234', false],
  ['3.5', '>= 3.5', true],
  ['2', '>= 3', false],
  ['10', '== 10.0', true],
  ['10', '!= 10', false],
  ['11', '!= 10', true],
  ["['aes', 'mmx', 'aux']", '<all-in> aes mmx', true],
  ["['aes', 'mmx', 'aux']", '<all-in> aes sse', false],
  ["['aes', 'mmx', 'aux']", '<all-in>', false],
  // Nova fails with these; here they match nothing.
  ['fast', '>= 3', false],
  ['3', '>= fast', false],
  ['fast', '!= 3', false],
  ['Infinity', '>= 3', false],
])('%j has %j: %s', (value, required, matches) => {
  expect(matchesExtraSpec(value, required)).toBe(matches)
})
