// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { linkLocalOf } from './link-local.ts'

test.each([
  ['fa:16:3e:00:00:01', 'fe80::f816:3eff:fe00:1'],
  ['02:00:00:0a:00:00', 'fe80::ff:fe0a:0'],
  ['52:54:00:12:34:56', 'fe80::5054:ff:fe12:3456'],
])('%s makes %s', (mac, address) => expect(linkLocalOf(mac)).toBe(address))
