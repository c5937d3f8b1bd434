// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { isStopping, stoppingBy } from './host-stopping.ts'

const signal = new AbortController().signal
const log = pino({ level: 'silent' })
const says = (stdout: string) => async () => ({ stdout, stderr: '' })

test.each([
  ['stopping\n', true],
  ['running\n', false],
  ['degraded\n', false],
  ['starting\n', false],
  ['\n', false],
])('systemd says %j', async (word, expected) => {
  expect(isStopping(word)).toBe(expected)
  expect(await stoppingBy(log, ['systemctl'], says(word))(signal)).toBe(expected)
})

test('a host without systemd is never stopping; one whose systemd does not answer is taken not to be', async () => {
  expect(await stoppingBy(log, undefined, says('stopping'))(signal)).toBe(false)
  const broken = () => Promise.reject(new Error('timed out'))
  expect(await stoppingBy(log, ['systemctl'], broken)(signal)).toBe(false)
})
