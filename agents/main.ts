// SPDX-License-Identifier: Apache-2.0
import { createLogger } from '../lib/log.ts'
import { check } from './check/check.ts'
import { Agent } from './node/agent.ts'
import { readConfig, type AgentConfig } from './node/config.ts'
import { whyTooFewThreads } from './node/file-threads.ts'
import { createRole, rolesOf } from './roles/create-role.ts'

if (process.argv[2] === 'check') {
  const print = (line: string): void => console.log(line)
  process.exit(await check(process.argv.slice(3), { print, node: process.env['NEPHELE_NODE'] }))
}
const log = createLogger('agent')
const config = readSettings()
const tooFew = whyTooFewThreads(process.env)
if (tooFew !== undefined) log.warn(tooFew)
const agent = new Agent({ config, rolesOf, createRole, log: log.child({ node: config.node }) })

let stopping = false
function stop(signal: NodeJS.Signals): void {
  if (stopping) return
  stopping = true
  log.info({ signal }, 'stopping')
  void agent.stop().then(() => process.exit(0))
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
await agent.start()

/** One line says what is wrong; a trace of our own code helps nobody who wrote a value. */
function readSettings(): AgentConfig {
  try {
    return readConfig(process.env)
  } catch (error) {
    log.fatal(error instanceof Error ? error.message : String(error))
    process.exit(1)
  }
}
