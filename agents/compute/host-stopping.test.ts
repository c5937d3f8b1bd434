// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { onHost } from '../daemons/launcher.ts'
import { chooseCommand, isStopping, stoppingBy } from './host-stopping.ts'

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

test('that it does not answer is in the log, unless it was not waited for', async () => {
  const lines: string[] = []
  const writing = pino({}, { write: (line: string) => void lines.push(line) })
  const broken = () => Promise.reject(new Error('timed out'))
  expect(await stoppingBy(writing, ['systemctl'], broken)(AbortSignal.abort())).toBe(false)
  expect(lines).toEqual([])
  await stoppingBy(writing, ['systemctl'], broken)(signal)
  expect(lines).toHaveLength(1)
})

describe('whom to ask', () => {
  const command = ['systemctl', 'show', '--property=SystemState', '--value'] as const
  test.each<[string, boolean, string, readonly string[]]>([
    ['this host', false, '/run/systemd/system', command],
    ['the host of this container', true, '/proc/1/root/run/systemd/system', onHost(command)],
  ])('%s', async (_, inContainer, path, expected) => {
    const looks: string[] = []
    const look = async (at: string) => {
      await Promise.resolve()
      looks.push(at)
    }
    expect(await chooseCommand(async () => inContainer, look)).toEqual(expected)
    expect(looks).toEqual([path])
  })

  test('nobody where there is no systemd', async () => {
    expect(
      await chooseCommand(
        async () => false,
        () => Promise.reject(new Error('ENOENT')),
      ),
    ).toBeUndefined()
  })
})
