// SPDX-License-Identifier: Apache-2.0
// Who is told that the machine is up: prints each notification of one project, or of all, as it passes by. What was sent while nobody
// listened is not seen here: the objects themselves are what is true, notifications only say that it is worth a look.
import { parseArgs } from 'node:util'
import { Notification } from '../../lib/contract/documents.ts'
import { ALL_NOTIFICATIONS, notificationsOf } from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { connectBus } from '../../lib/nats/connect.ts'

const USAGE = `usage: subscriber.ts --server HOST:PORT --ca FILE --token FILE (--namespace NAME | --all) [--until EVENT_TYPE]

  --token   a token with audience nephele-nats of an account that may watch Instances there
  --until   ends when such a notification came, for example instance.create.end`

const { values } = parseArgs({
  options: {
    server: { type: 'string' },
    ca: { type: 'string' },
    token: { type: 'string' },
    namespace: { type: 'string' },
    all: { type: 'boolean', default: false },
    until: { type: 'string' },
  },
})
const { server, ca, token, namespace, all, until } = values
if (server === undefined || ca === undefined || token === undefined || (namespace === undefined) === !all) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}

const nc = await connectBus({
  address: { servers: [server], caFile: ca },
  credentials: { tokenFile: token },
  name: 'notifications',
  inboxPrefix: '_INBOX_subscriber',
  log: createLogger('subscriber', 'warn'),
})
const subscription = nc.subscribe(namespace === undefined ? ALL_NOTIFICATIONS : notificationsOf(namespace))
await nc.flush()
process.stderr.write('listening\n')
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void nc.close())

for await (const message of subscription) {
  const { success, data } = Notification.safeParse(message.json())
  if (!success) continue
  process.stdout.write(`${lineOf(data)}\n`)
  if (data.eventType === until) break
}
await nc.close()

/** `12:00:00 instance.create.end team/web-1 BUILD -> ACTIVE 10.0.0.5` */
function lineOf({ time, eventType, namespace: project, name, before, after, payload }: Notification): string {
  const states = [before?.state, after?.state].filter((state) => state !== undefined).join(' -> ')
  const addresses = Array.isArray(payload['addresses']) ? payload['addresses'] : []
  const ips = addresses.map((address: { ipAddress?: string }) => address.ipAddress ?? '').join(' ')
  const why = typeof payload['message'] === 'string' ? payload['message'] : ''
  return [time.slice(11, 19), eventType, `${project === undefined ? '' : `${project}/`}${name}`, states, ips, why]
    .filter((part) => part !== '')
    .join(' ')
}
