// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { observeWord, WORD_TIMEOUT_MS } from './word-of-controller.ts'
import type { PluggedPort } from './port-driver.ts'

const CONTROLLER = 'sdn.example.com/l2'
const port: PluggedPort = {
  ...{ kind: 'port', uid: 'a', device: 'tap-a', logicalPort: 'a', installed: false, linkUp: false },
  controlled: { controller: CONTROLLER, bridge: 'br-sdn' },
}
const socket = { socketPath: '/run/a.sock', installed: true }
const silent = { reason: 'ExternalControllerSilent', message: expect.stringContaining(`${CONTROLLER} does not say`) }
const refused = { reason: 'RefusedByController', message: `SDN controller ${CONTROLLER} refuses it on node n1: "full"` }

test.each<[string, Partial<PluggedPort>, number, object]>([
  ['programmed', { installed: true }, 0, { state: 'active' }],
  ['programmed late', { installed: true }, WORD_TIMEOUT_MS * 9, { state: 'active' }],
  ['programmed, and its guest is not there yet', socket, WORD_TIMEOUT_MS * 9, { state: 'plugging' }],
  ['programmed, and its guest is there', { ...socket, linkUp: true }, 0, { state: 'active' }],
  ['no word yet', {}, 1_000, { state: 'plugging', retryAfterMs: WORD_TIMEOUT_MS - 1_000 }],
  ['no word in time', {}, WORD_TIMEOUT_MS, { state: 'plugging', error: { ...silent, terminal: false } }],
  ['refused', { refusal: 'full' }, 0, { state: 'plugging', error: { ...refused, terminal: false } }],
])('%s', (_, said, waitedMs, expected) => {
  const { facts, ...seen } = observeWord({ ...port, ...said }, { controller: CONTROLLER, node: 'n1', waitedMs })
  expect(seen).toEqual(expected)
  expect(facts).toEqual({ ovnInstalled: said.installed ?? false, linkUp: said.linkUp ?? false })
})

test.each([
  ['a\n\tb\u0007\u001b[31mc\u2028d', '"a b [31mc d"'],
  ['x'.repeat(300), `"${'x'.repeat(256)}…"`],
])('what it says against it is quoted in one line: %j', (refusal, quoted) => {
  const { error } = observeWord({ ...port, refusal }, { controller: CONTROLLER, node: 'n1', waitedMs: 0 })
  expect(error?.message).toBe(`SDN controller ${CONTROLLER} refuses it on node n1: ${quoted}`)
})
