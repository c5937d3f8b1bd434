// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { parseAsked } from './asked.ts'

const ORIGIN = 'https://console.test'

test.each([
  ['https://console.test/vnc/n1/m/a#token=x', { link: 'https://console.test/vnc/n1/m/a#token=x' }],
  ['https://console.test:443/serial/n1/m/a#token=x', { link: 'https://console.test/serial/n1/m/a#token=x' }],
  ['https://console.test/serial/n1/m/a', { wrong: expect.stringContaining('no #token') }],
  ['https://console.test/page/console.js#token=x', { wrong: expect.stringContaining('no URL of a console') }],
  ['https://console.test.evil.example/vnc/n1/m/a#token=x', { wrong: expect.stringContaining('not of') }],
  ['https://console.test@evil.example/vnc/n1/m/a#token=x', { wrong: expect.stringContaining('not of') }],
  ['http://console.test/vnc/n1/m/a#token=x', { wrong: expect.stringContaining('not of') }],
  ['https://', { wrong: expect.stringContaining('not of') }],
])('%s', (text, asked) => {
  expect(parseAsked(text, ORIGIN, 'link')).toEqual(asked)
  expect(parseAsked(text, ORIGIN, 'token or link')).toEqual(asked)
})

test.each(['aB-_9', 'javascript:alert(1)'])('%s is a token where one may be meant', (text) => {
  expect(parseAsked(text, ORIGIN, 'token or link')).toEqual({ token: text })
  expect(parseAsked(text, ORIGIN, 'link')).toEqual({ wrong: expect.stringContaining('no URL') })
})
