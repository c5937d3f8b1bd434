// SPDX-License-Identifier: Apache-2.0
// What a stolen node holds, its agent's token and its certificate, tried on the others: it reaches none of them.
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { NatsConnection } from '@nats-io/transport-node'
import { PLUGGED_ON_ANNOTATION, PORT } from '../../lib/api/kinds.ts'
import type { Port } from '../../lib/api/types.ts'
import {
  consumerOf,
  DESIRED_BUCKET,
  inboxPrefix,
  NODES_API,
  OBSERVED_BUCKET,
  streamOf,
} from '../../lib/contract/subjects.ts'
import { exec } from '../../lib/exec.ts'
import { createLogger } from '../../lib/log.ts'
import { connectBus } from '../../lib/nats/connect.ts'
import { programPath } from '../../local/build/programs.ts'
import { addressesOf, defineNodes } from '../../local/cloud/definition.ts'
import { NATS_PORT } from '../../local/cloud/layout.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const [VICTIM, THIEF] = ['compute-1', 'compute-2']
const PKI = '/var/lib/nephele/pki'
let project: Project
let bus: NatsConnection
let host: string
let central: string

beforeAll(async () => {
  project = await Project.create('stolen-node', { withImage: false, net: '10.94.0.0/24' })
  const { cloud } = project.test
  const addresses = addressesOf(cloud.state.subnet)
  host = addresses.host
  central = addresses.managementOf(defineNodes(cloud.state).find(({ ovnCentral }) => ovnCentral)!)
  bus = await connectBus({
    address: { servers: [`${host}:${NATS_PORT}`], caFile: cloud.layout.pki('ca.crt') },
    credentials: { tokenFile: cloud.layout.nodeToken(THIEF) },
    name: 'thief',
    inboxPrefix: inboxPrefix(THIEF),
    log: createLogger('e2e', 'silent'),
  })
}, 60_000)
afterAll(async () => {
  await bus?.close()
  await project.destroy()
}, 60_000)

describe('the bus, with its agent’s token', () => {
  const ask = (subject: string) => bus.request(subject, '{}', { timeout: 2_000 })
  const [desired, observed] = [streamOf(DESIRED_BUCKET), streamOf(OBSERVED_BUCKET)]

  test('its own consumer answers: what is refused below is not refused for nothing', async () => {
    const info = await ask(`${NODES_API}.CONSUMER.INFO.${desired}.${consumerOf(THIEF)}`)
    expect(info.json()).toMatchObject({ name: consumerOf(THIEF) })
  })
  test.each([
    ['a report of another node', `$KV.${OBSERVED_BUCKET}.${VICTIM}.instance.x`],
    ['a document for another node', `$KV.${DESIRED_BUCKET}.${VICTIM}.instance.x`],
    ['a document for itself', `$KV.${DESIRED_BUCKET}.${THIEF}.instance.x`],
    ['another’s heartbeat', `beat.${VICTIM}`],
    ['a console of another', `rpc.${VICTIM}.console.x`],
    ['another’s consumer', `${NODES_API}.CONSUMER.MSG.NEXT.${desired}.${consumerOf(VICTIM)}`],
    ['JetStream itself', `$JS.API.CONSUMER.MSG.NEXT.${desired}.${consumerOf(VICTIM)}`],
    ['a consumer of its own making', `$JS.API.CONSUMER.CREATE.${desired}.mine`],
    ['documents by name', `$JS.API.DIRECT.GET.${desired}.$KV.${DESIRED_BUCKET}.${VICTIM}.>`],
    ['the stream’s end', `$JS.API.STREAM.DELETE.${observed}`],
    ['the stream’s content', `$JS.API.STREAM.PURGE.${observed}`],
  ])('%s: may not be asked for or said', async (_, subject) => {
    await expect(ask(subject)).rejects.toThrow(/[Pp]ermission/)
  })
  test.each([`$KV.${DESIRED_BUCKET}.${VICTIM}.>`, `rpc.${VICTIM}.>`, '>', `_INBOX_${VICTIM}.>`])(
    'does not hear %s',
    async (subject) => {
      const heard = new Promise<Error | null>((resolve) => bus.subscribe(subject, { callback: resolve }))
      await expect(heard).resolves.toThrow(/[Pp]ermission/)
    },
  )
  test('there is no port for members of the bus here, and its token is none for Kubernetes', async () => {
    const dialled = new Promise((resolve, reject) => connect(6222, host, () => resolve('open')).once('error', reject))
    await expect(dialled).rejects.toThrow('ECONNREFUSED')
    const { cloud } = project.test
    const asAgent: [string, ...string[]] = [
      await programPath('kubectl'),
      '--kubeconfig=/dev/null',
      `--server=https://127.0.0.1:${cloud.state.ports.apiserver}`,
      `--certificate-authority=${cloud.layout.pki('ca.crt')}`,
      `--token=${readFileSync(cloud.layout.nodeToken(THIEF), 'utf8').trim()}`,
    ]
    await expect(exec([...asAgent, 'get', 'ninst', '-A'], { timeoutMs: 10_000 })).rejects.toThrow(
      /Unauthorized|logged in/,
    )
  }, 30_000)
})

describe('OVN, with its certificate', () => {
  const as = async (program: 'ovn-sbctl' | 'ovn-nbctl', port: number, ...command: string[]) => {
    const identity = [`--private-key=${PKI}/node.key`, `--certificate=${PKI}/node.crt`, `--ca-cert=${PKI}/ca.crt`]
    const argv = [program, `--db=ssl:${central}:${port}`, ...identity, '--timeout=5', '--no-leader-only', ...command]
    return (await project.test.cloud.exec(THIEF, argv)).stdout.trim()
  }
  const southbound = (...command: string[]) => as('ovn-sbctl', 6642, ...command)

  test('the northbound database takes it for nobody', async () => {
    await expect(as('ovn-nbctl', 6641, 'show')).rejects.toThrow()
  }, 30_000)

  test('a port that was requested on another node stays that node’s', async () => {
    const metadata = { ...project.at('wanted'), annotations: { [PLUGGED_ON_ANNOTATION]: VICTIM } }
    await project.create(PORT, { ...draft.port(project.at('wanted'), 'net'), metadata })
    const { metadata: made } = await waitForReady<Port>(project.test.client, PORT, project.at('wanted'))
    const chassis = await southbound('--bare', '--columns=_uuid', 'find', 'Chassis', `name=${THIEF}`)
    const claimed = () => southbound('--bare', '--columns=chassis', 'find', 'Port_Binding', `logical_port=${made.uid}`)
    await waitUntilTrue('the binding', () =>
      southbound('--bare', '--columns=logical_port', 'list', 'Port_Binding').then(
        (all) => all.includes(made.uid) || undefined,
      ),
    )
    await expect(southbound('set', 'Port_Binding', made.uid, `chassis=${chassis}`)).rejects.toThrow()
    await expect(southbound('set', 'Port_Binding', made.uid, `options:requested-chassis=${THIEF}`)).rejects.toThrow()
    await expect(southbound('set', 'Chassis', VICTIM, 'other_config:x=y')).rejects.toThrow()
    expect(await claimed()).toBe('')
  }, 60_000)
})
