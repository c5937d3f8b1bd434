// SPDX-License-Identifier: Apache-2.0
// A process of its own with many fake agents, so that what they cost is not counted as the operator's.
import { readFileSync } from 'node:fs'
import { createLogger } from '../../lib/log.ts'
import { FakeAgent } from './fake-agent.ts'
import type { FleetConfig, FleetWord } from './fleet.ts'
import { someAtOnce } from '../../lib/some-at-once.ts'
import { Roll } from './roll.ts'

const AT_ONCE = 24
/** Longer than NATS takes to start again, and all of them to be admitted again. */
const PATIENCE_MS = 90_000
const CALL_EVERY_MS = 5_000
const { nodes, tokenDir, address, isHeld } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as FleetConfig
const log = createLogger('fake', process.env['TEST_LOG'] ?? 'silent')
const stop = new AbortController()
const held = Promise.withResolvers<undefined>()
if (!isHeld) held.resolve(undefined)

const say = (word: FleetWord): void => void process.send?.(word)
let beats = 0
process.on('message', (asked) => {
  if (asked === 'beats') say({ beats })
  else held.resolve(undefined)
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))

const roll = new Roll(PATIENCE_MS)
setInterval(() => {
  const [first, ...others] = roll.missing(performance.now())
  if (first !== undefined)
    say({ lost: `${first} and ${others.length} others are without the bus for ${PATIENCE_MS / 1000} s` })
}, CALL_EVERY_MS)

await someAtOnce(nodes, AT_ONCE, (node) =>
  new FakeAgent({
    ...{ node, tokenFile: `${tokenDir}/${node}`, address, whenTold: held.promise, log, signal: stop.signal },
    onBeat: () => beats++,
    onConnection: (isConnected) => roll.note(node, isConnected, performance.now()),
    onEnd: (why) => say({ lost: `${node}: ${why}` }),
  }).start(),
)
say({ connected: true })
