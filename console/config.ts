// SPDX-License-Identifier: Apache-2.0
// The console process's settings: environment variables alone, as the chart and the local cloud set them.
import { z } from 'zod'
import { listServers, readEnvironment } from '../lib/environment.ts'
import { versionOf } from '../lib/metrics/version.ts'

const port = z.coerce.number().int().min(0).max(65_535)

const Environment = z.object({
  /** Where users reach it, such as https://console.example.com: the one origin whose pages may open a WebSocket here. */
  NEPHELE_CONSOLE_URL: z.url({ protocol: /^https$/ }),
  NEPHELE_CONSOLE_HOST: z.string().default('0.0.0.0'),
  NEPHELE_CONSOLE_PORT: port.default(8443),
  /** PEM; read again every hour. */
  NEPHELE_CONSOLE_TLS_CERT_FILE: z.string().min(1),
  NEPHELE_CONSOLE_TLS_KEY_FILE: z.string().min(1),
  /** /healthz, /readyz and /metrics, over plain HTTP. */
  NEPHELE_HTTP_HOST: z.string().default('127.0.0.1'),
  NEPHELE_HTTP_PORT: port.default(8080),
  /** `host:port`, several joined by commas. */
  NEPHELE_NATS_SERVERS: z.string().min(1),
  NEPHELE_NATS_CA_FILE: z.string().min(1),
  /** The projected service account token with audience `nephele-nats`. */
  NEPHELE_NATS_TOKEN_FILE: z.string().min(1),
})

export interface ConsoleConfig {
  origin: string
  listen: { host: string; port: number }
  tls: { certFile: string; keyFile: string }
  http: { host: string; port: number }
  nats: { servers: string[]; caFile: string; tokenFile: string }
  version: string
}

/** @throws with the names of the variables that are missing or invalid */
export function readConfig(environment: NodeJS.ProcessEnv): ConsoleConfig {
  const env = readEnvironment(Environment, environment, 'console process')
  return {
    origin: new URL(env.NEPHELE_CONSOLE_URL).origin,
    listen: { host: env.NEPHELE_CONSOLE_HOST, port: env.NEPHELE_CONSOLE_PORT },
    tls: { certFile: env.NEPHELE_CONSOLE_TLS_CERT_FILE, keyFile: env.NEPHELE_CONSOLE_TLS_KEY_FILE },
    http: { host: env.NEPHELE_HTTP_HOST, port: env.NEPHELE_HTTP_PORT },
    nats: {
      servers: listServers(env.NEPHELE_NATS_SERVERS),
      caFile: env.NEPHELE_NATS_CA_FILE,
      tokenFile: env.NEPHELE_NATS_TOKEN_FILE,
    },
    version: versionOf(environment),
  }
}
