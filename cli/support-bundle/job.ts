// SPDX-License-Identifier: Apache-2.0
// The chart's Job: makes a bundle in its pod, and waits there until it was fetched. Its account reads no Secret and runs nothing in pods.
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { makeBundle } from './make-bundle.ts'
import { byApi } from './pod-access.ts'

/** Where there is room for it, and nobody else looks. */
const DIR = process.env['NEPHELE_BUNDLE_DIR'] ?? '/bundle'
/** The pod is there for it; the Job's own deadline is a little later. */
const KEPT_MS = 60 * 60_000

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const client = new HttpKubeClient(loadKubeConfig())
const pods = byApi(client, stop.signal)
const context = { client, signal: stop.signal, now: new Date(), progress: () => undefined }
const { archive, missing } = await makeBundle(context, { dir: DIR, nodes: [], pods })
await client.close()
for (const line of missing) console.log(`not read: ${line}`)
const [namespace = 'NAMESPACE', pod = 'POD'] = [process.env['NEPHELE_NAMESPACE'], process.env['NEPHELE_POD']]
console.log(`fetch it within the hour: kubectl cp -n ${namespace} ${pod}:${archive} ${archive.slice(DIR.length + 1)}`)
console.log(`and then: kubectl delete pod -n ${namespace} ${pod}`)
await sleep(KEPT_MS, undefined, { signal: stop.signal }).catch(() => undefined)
