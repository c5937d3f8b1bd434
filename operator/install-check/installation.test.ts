// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Cloud, ComputeNode } from '../../lib/api/types.ts'
import { describeInstallation } from './installation.ts'

const named = (name: string, status?: 'True' | 'False') => ({
  metadata: { name },
  ...(status && { status: { conditions: [{ type: 'Ready', status, reason: 'AgentSilent', message: 'for 40 s' }] } }),
})
const cloud = (status?: 'True' | 'False') => named('default', status) as Cloud
const node = (name: string, status?: 'True' | 'False') => named(name, status) as ComputeNode

test('all are ready', () => {
  expect(describeInstallation(cloud('True'), [node('a', 'True')])).toEqual({
    lines: ['ready     Cloud default', 'ready     ComputeNode a'],
    isReady: true,
  })
})

test('what is not ready is said in its own words, and what is not there with what to do', () => {
  const { lines, isReady } = describeInstallation(cloud('True'), [node('a', 'False'), node('b')])
  expect([lines.slice(1), isReady]).toEqual([
    [
      'NOT READY ComputeNode a: AgentSilent: for 40 s',
      'NOT READY ComputeNode b: Unknown: the operator has not looked at it yet',
    ],
    false,
  ])
  const nothing = describeInstallation(undefined, [])
  expect(nothing.isReady).toBe(false)
  expect(nothing.lines).toEqual([
    expect.stringMatching(/^NOT READY Cloud: .*logs/),
    expect.stringMatching(/^NOT READY ComputeNodes: .*label node/),
  ])
})
