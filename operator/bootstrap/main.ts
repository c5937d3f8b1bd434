// SPDX-License-Identifier: Apache-2.0
// The chart's Job before install and upgrade, and its CronJob that renews certificates; ends when all is there.
import { z } from 'zod'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { createLogger } from '../../lib/log.ts'
import { bootstrap } from './bootstrap.ts'

const Environment = z.object({
  NEPHELE_NAMESPACE: z.string().min(1),
  NEPHELE_NATS_REPLICAS: z.coerce.number().int().min(1).max(9),
  NEPHELE_NATS_STORAGE_GIB: z.coerce.number().int().min(1),
  NEPHELE_CONSOLE_URL: z.url({ protocol: /^https$/ }).optional(),
  /** `true`: nothing is made anew. */
  NEPHELE_RENEW_ONLY: z.enum(['true', 'false']).default('false'),
})

const env = Environment.parse(process.env)
const client = new HttpKubeClient(loadKubeConfig())
await bootstrap(client, {
  namespace: env.NEPHELE_NAMESPACE,
  natsReplicas: env.NEPHELE_NATS_REPLICAS,
  natsStorageGiB: env.NEPHELE_NATS_STORAGE_GIB,
  consoleURL: env.NEPHELE_CONSOLE_URL,
  renewOnly: env.NEPHELE_RENEW_ONLY === 'true',
  now: new Date(),
})
createLogger('bootstrap').info({ namespace: env.NEPHELE_NAMESPACE }, 'keys and certificates are there')
await client.close()
