// SPDX-License-Identifier: Apache-2.0
// The resolver of a node: a process of its own, which the agent's end does not touch. It dials no bus, holds no credentials, and is told what to
// do by files (served-networks.ts). It ends when it is told to; whoever runs it starts it again.
import { watch } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '../../lib/log.ts'
import { addressesOf, askedServers, toResolverState, type AskedServers } from './asked-servers.ts'
import { healthFolder, writeHealth } from './health-file.ts'
import { NetworkListeners } from './network-listeners.ts'
import { Resolver } from './resolver.ts'
import { readServed, readUpstreams, resolverFolder, type NamedUpstreams } from './served-networks.ts'
import { showPresence } from './presence.ts'
import { probeServer, UpstreamHealth } from './upstream-health.ts'
import { readResolvConf, Upstreams } from './upstreams.ts'

/** Changes are heard of; this is for those that were missed, for namespaces made anew and for the node's resolv.conf. */
const LOOK_MS = 2000

const log = createLogger('resolver')
const runDir = process.env['NEPHELE_RUN_DIR'] ?? '/run/nephele'
const folder = resolverFolder(runDir)
const upstreams = new Upstreams()
const listeners = new NetworkListeners(new Resolver({ upstreams, log }), log)
const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())

await mkdir(folder, { recursive: true, mode: 0o755 }).catch((err: unknown) =>
  log.debug({ err }, 'cannot make the folder'),
)
let changed = new AbortController()
const watcher = watch(folder, () => changed.abort())
watcher.on('error', (err) => log.warn({ err }, 'cannot watch the folder'))
let known = ''
let isRead = true
/** Nobody is asked while the agent's word was never read. */
let told: NamedUpstreams = { addresses: [], withoutUpstreams: [] }
let asked: AskedServers | undefined
const presence = showPresence(healthFolder(runDir)).catch((err: unknown) =>
  log.warn({ err }, 'the agent cannot see that a resolver runs'),
)
const telling = tellHealth(healthFolder(runDir))
while (!stop.signal.aborted) {
  changed = new AbortController()
  const read = await readUpstreams(folder).catch((err: unknown) => {
    if (isRead)
      log.error({ err, folder }, 'upstreams.json cannot be read, and those before are asked: start the agent again')
  })
  isRead = read !== undefined
  told = read ?? told
  const { addresses: ofCloud, ofProviderNetworks = [], withoutUpstreams } = told
  const servers = ofCloud ?? readResolvConf(await readFile('/etc/resolv.conf', 'utf8').catch(() => ''))
  const named = JSON.stringify([servers, ofProviderNetworks])
  if (known !== (known = named)) log.info({ upstreams: servers, ofProviderNetworks }, 'name servers')
  upstreams.set(
    servers,
    new Map(ofProviderNetworks.map((one) => [one.providerNetwork, one.upstreams])),
    withoutUpstreams,
  )
  const served = await readServed(folder)
  asked = askedServers({ from: ofCloud ? 'cloud' : 'node', upstreams: servers }, ofProviderNetworks, served)
  await listeners.follow(served, stop.signal)
  await sleep(LOOK_MS, undefined, { signal: AbortSignal.any([stop.signal, changed.signal]) }).catch(() => undefined)
}
watcher.close()
listeners.close()
await Promise.all([telling, presence])
process.exit(0)

/** Beside the rest, which no slow server delays. */
async function tellHealth(into: string): Promise<void> {
  const health = new UpstreamHealth((address) => probeServer({ address, port: 53 }))
  while (!stop.signal.aborted) {
    const of = asked
    const states = of && (await health.look(addressesOf(of), upstreams.suspects(performance.now())))
    if (of && states && !stop.signal.aborted)
      await writeHealth(into, toResolverState(of, states)).catch((err: unknown) =>
        log.debug({ err }, 'cannot tell whether name servers answer'),
      )
    await sleep(LOOK_MS, undefined, { signal: stop.signal }).catch(() => undefined)
  }
}
