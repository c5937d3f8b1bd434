// SPDX-License-Identifier: Apache-2.0
// What a placement costs the apiserver at the least: a bare client that reads nothing, decides nothing and only writes the status that the
// operator writes, to as many Instances, in each of the ways that the apiserver offers, in turns.
import { Agent } from 'undici'
import { INSTANCE } from '../lib/api/kinds.ts'
import type { Instance } from '../lib/api/types.ts'
import { HttpKubeClient } from '../lib/kube/http-client.ts'
import { loadKubeConfig } from '../lib/kube/kubeconfig.ts'
import { apiVersionOf } from '../lib/kube/object.ts'
import { objectPath } from '../lib/kube/paths.ts'
import { installChart } from '../local/cloud/install.ts'
import { waitForAdmission } from '../local/cloud/admission.ts'
import { createApi } from '../local/control-plane/api.ts'
import { startControlPlane, type ControlPlane } from '../local/control-plane/start.ts'
import { findOption } from './harness/arguments.ts'
import { toFigure, type Figure } from './harness/figure.ts'
import { someAtOnce } from '../lib/some-at-once.ts'
import { placedStatus } from './harness/population.ts'
import { runOnce, total, type Round } from './harness/rounds.ts'
import { createMachine, machineAt, PROJECTS } from './harness/standing.ts'
import { NAMESPACE } from '../lib/api/kinds.ts'

export const about = 'status writes of a bare client, by each verb: what a placement costs the apiserver at the least'

const AT_ONCE = 16
const GO_DEFAULT = 100

interface Way {
  name: string
  method: 'PUT' | 'PATCH'
  contentType: string
  accept: string
}

const JSON_ANSWER = 'application/json'
const WAYS: readonly Way[] = [
  { name: 'PUT', method: 'PUT', contentType: 'application/json', accept: JSON_ANSWER },
  {
    name: 'PUT, answered with metadata alone',
    method: 'PUT',
    contentType: 'application/json',
    accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  },
  { name: 'merge patch', method: 'PATCH', contentType: 'application/merge-patch+json', accept: JSON_ANSWER },
  { name: 'server-side apply', method: 'PATCH', contentType: 'application/apply-patch+yaml', accept: JSON_ANSWER },
]

/** @param args --n 2000 of each; --round 500 */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 2_000)
  const size = findOption(args, 'round', 500)
  const plane = await startControlPlane({ controllerManager: false, gogc: GO_DEFAULT })
  try {
    const api = createApi(plane.dir, plane.server)
    await installChart(api)
    await waitForAdmission(api)
    api.close()
    return await measure(plane, n, size)
  } finally {
    await plane.stop()
  }
}

async function measure(plane: ControlPlane, n: number, size: number): Promise<Figure[]> {
  const client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
  const dispatcher = new Agent({
    connect: { ca: plane.certificateAuthority, cert: plane.admin.certificate, key: plane.admin.key },
    connections: AT_ONCE,
    allowH2: false,
  })
  const processes = { apiserver: plane.processes.apiserver?.pid ?? 0, client: process.pid }
  const rounds = new Map<string, Round[]>(WAYS.map(({ name }) => [name, []]))
  for (let i = 0; i < PROJECTS; i++) await client.create(NAMESPACE, { metadata: { name: machineAt(i).namespace } })
  let next = 0
  // The first round of each counts for nothing: caches and compilers are cold.
  for (let done = 0; done < n + size; done += size) {
    for (const way of WAYS) {
      const made: Instance[] = []
      await someAtOnce(Array(size).keys(), AT_ONCE, async () => made.push(await createMachine(client, next++)))
      const round = await runOnce(size, processes, () =>
        someAtOnce(made, AT_ONCE, (instance) => writeStatus(dispatcher, plane.server, way, instance)),
      )
      if (done > 0) rounds.get(way.name)?.push(round)
    }
  }
  await client.close()
  await dispatcher.close()
  return WAYS.flatMap(({ name }) => {
    const all = total(rounds.get(name) ?? [])
    const figure = (metric: string, value: number, unit: string) =>
      toFigure({ bench: 'floor', metric: `${name}: ${metric}`, value, unit, n: all.count })
    return [
      figure('statuses a second', all.rate, '1/s'),
      figure('CPU of the apiserver for one', all.cpuEach('apiserver'), 'ms'),
      figure('CPU of the client for one', all.cpuEach('client'), 'ms'),
    ]
  })
}

async function writeStatus(dispatcher: Agent, server: string, way: Way, { metadata }: Instance): Promise<void> {
  const { name, namespace, uid, resourceVersion } = metadata
  const object = {
    apiVersion: apiVersionOf(INSTANCE),
    kind: INSTANCE.kind,
    metadata: { name, namespace, uid, resourceVersion },
  }
  const { statusCode, body } = await dispatcher.request({
    origin: server,
    path: `${objectPath(INSTANCE, metadata, 'status')}?fieldManager=nephele&force=${way.name === 'server-side apply'}`.replace(
      '&force=false',
      '',
    ),
    method: way.method,
    headers: { 'content-type': way.contentType, accept: way.accept },
    body: JSON.stringify({ ...object, status: placedStatus(name) }),
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${way.name}: ${statusCode} ${text.slice(0, 300)}`)
}
