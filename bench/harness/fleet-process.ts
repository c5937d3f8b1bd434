// SPDX-License-Identifier: Apache-2.0
// A process of its own with many fake agents, so that what they cost is not counted as the operator's.
import { readFileSync } from 'node:fs'
import { createLogger } from '../../lib/log.ts'
import { FakeAgent } from './fake-agent.ts'
import type { FleetConfig } from './fleet.ts'

const AT_ONCE = 24
const { nodes, tokenDir, address, isHeld } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as FleetConfig
const log = createLogger('fake', process.env['TEST_LOG'] ?? 'silent')
const stop = new AbortController()
const held = Promise.withResolvers<undefined>()
if (!isHeld) held.resolve(undefined)

let beats = 0
process.on('message', (asked) => {
  if (asked === 'beats') process.send?.(beats)
  else held.resolve(undefined)
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))

const waiting = nodes.values()
const connect = async (): Promise<void> => {
  for (const node of waiting) {
    const tokenFile = `${tokenDir}/${node}`
    const onBeat = () => beats++
    await new FakeAgent({ node, tokenFile, address, whenTold: held.promise, onBeat, log, signal: stop.signal }).start()
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, connect))
process.send?.('connected')
