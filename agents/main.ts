// SPDX-License-Identifier: Apache-2.0
import { createLogger } from '../lib/log.ts'
import { Agent } from './node/agent.ts'
import { readConfig } from './node/config.ts'
import { whyTooFewThreads } from './node/file-threads.ts'
import { createRole, rolesOf } from './roles/create-role.ts'

const log = createLogger('agent')
const config = readConfig(process.env)
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
