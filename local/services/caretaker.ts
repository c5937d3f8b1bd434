// SPDX-License-Identifier: Apache-2.0
// The local cloud's one helper process, in place of a kubelet and a web server: renews tokens and serves images.
// Started as: node caretaker.ts CONFIG.json
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '../../lib/log.ts'
import { createApi } from '../control-plane/api.ts'
import { createImageServer } from './image-server.ts'
import { keepTokens, type TokenFile } from './tokens.ts'

export interface CaretakerConfig {
  controlPlaneDir: string
  server: string
  imageDir: string
  listen: { host: string; port: number }
  tokens: TokenFile[]
}

const log = createLogger('caretaker')
const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as CaretakerConfig
createImageServer(config.imageDir).listen(config.listen.port, config.listen.host)
log.info({ listen: config.listen, tokens: config.tokens.length }, 'caretaker started')
await keepTokens(
  createApi(config.controlPlaneDir, config.server),
  config.tokens,
  (ms) => sleep(ms),
  (err) => log.warn({ err }, 'token not renewed'),
)
