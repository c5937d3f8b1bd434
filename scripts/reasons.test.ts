// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { USER_FAULTS } from '../lib/user-faults.ts'
import { explainedReasons, reasonsIn } from './reasons.ts'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const NOT_SHIPPED = /\.test\.ts$|\/testing\/|\/fake\/|\/contract-suite\.ts$/

describe('reasons', () => {
  test.each([
    [`waitFor('NoSubnet', 'x')`, ['NoSubnet']],
    [`throw new TerminalError(\n  seen.reason ?? 'Refused', 'Text')`, ['Refused']],
    ["missing(`${kind}NotFound`, 'x')", ['<kind>NotFound']],
    [`const x = { reason: a ? 'AddressInUse' : undefined, message: 'Nope' }`, ['AddressInUse']],
    [`interface X { reason: 'StaleLeader' | 'StaleEpoch' }`, ['StaleEpoch', 'StaleLeader']],
    [`const { reason = 'Degraded', message = 'No' } = error`, ['Degraded']],
    [`function reasonOf(e: unknown) { return e ? 'Forbidden' : 'Error' }`, ['Error', 'Forbidden']],
    [`call('DomainCreate'); log('Hello')`, []],
  ])('%s', (text, found) => expect([...reasonsIn(text)].sort()).toEqual(found))

  test('docs/troubleshooting.md explains every reason of the code', () => {
    const files = ['operator', 'agents', 'lib'].flatMap((dir) =>
      readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' })
        .map((file) => join(ROOT, dir, file))
        .filter((file) => file.endsWith('.ts') && !NOT_SHIPPED.test(file)),
    )
    const explained = explainedReasons(readFileSync(join(ROOT, 'docs', 'troubleshooting.md'), 'utf8'))
    const found = new Set(files.flatMap((file) => [...reasonsIn(readFileSync(file, 'utf8'))]))
    expect(found.size).toBeGreaterThan(80)
    expect([...found].filter((reason) => !explained.has(reason)).sort()).toEqual([])
    // A reason that was renamed would set off alerts of administrators.
    expect([...USER_FAULTS].filter((reason) => !explained.has(reason))).toEqual([])
  })
})
