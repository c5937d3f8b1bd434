// SPDX-License-Identifier: Apache-2.0
// agent check on nodes that run: it finds what is there, and what is not.
import { expect, test } from '@jest/globals'
import { openTestCloud } from '../harness/cloud.ts'

const { cloud } = openTestCloud()
const CHECK = ['/opt/nephele/bin/node', '/opt/nephele/dist/agent.mjs', 'check', '--root', '/'] as const
/** @returns its lines and its exit code */
async function check(node: string, ...words: string[]): Promise<string> {
  const line = [...CHECK, ...words].join(' ')
  return (await cloud.exec(node, ['sh', '-c', `${line}; echo "code $?"`])).stdout
}

test.each([
  ['compute-1', ['compute', 'network'], 'libvirtd answers: libvirt '],
  ['network-1', ['network', 'gateway', 'storage'], 'HTTP listeners can be served'],
])(
  '%s has what %j need',
  async (node, areas, said) => {
    const found = await check(node, ...areas)
    expect(found.split('\n').filter((line) => line.startsWith('MISSING'))).toEqual([])
    expect(found).toContain(said)
    expect(found).toMatch(/nothing is missing\ncode 0\n$/)
  },
  60_000,
)

test('a node of another kind lacks what it was not made for', async () => {
  const found = await check('network-1', 'compute')
  expect(found).toMatch(/^MISSING .*libvirtd does not answer .*: apt-get install/m)
  expect(found).toMatch(/code 1\n$/)
}, 60_000)
