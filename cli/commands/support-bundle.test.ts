// SPDX-License-Identifier: Apache-2.0
// The archive as its reader finds it, unpacked by tar; the apiserver and kubectl are fakes.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { exec } from '../../lib/exec.ts'
import { ApiError } from '../../lib/kube/errors.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import type { Context } from '../command-line/command.ts'
import { supportBundle } from './support-bundle.ts'

let folder: string
let before: string
let said: string[]
let asked: string[]
beforeEach(() => {
  before = process.cwd()
  folder = mkdtempSync(join(tmpdir(), 'nephele-bundle-'))
  process.chdir(folder)
  said = []
  asked = []
})
afterEach(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true })
})

const pod = (name: string, component: string, nodeName: string, restartCount = 0) => ({
  metadata: { name, namespace: 'nephele-system', labels: { 'app.kubernetes.io/component': component } },
  spec: {
    nodeName,
    containers: [{ name: component === 'ovn' ? 'northd' : component, env: [{ name: 'API_KEY', value: 'canary-env' }] }],
  },
  status: { containerStatuses: [{ name: component, restartCount }] },
})
const OBJECTS: Readonly<Record<string, object[]>> = {
  instances: [
    {
      metadata: { name: 'web', namespace: 'team' },
      spec: { imageRef: { name: 'debian' }, userData: 'password: canary-user-data' },
      status: { state: 'ERROR' },
    },
  ],
  events: [
    {
      ...{ metadata: { name: 'e2' }, type: 'Warning', reason: 'StartFailed', note: 'it\u{1b}[2J did not start' },
      ...{ regarding: { apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', namespace: 'team', name: 'web' } },
      ...{ eventTime: null, deprecatedLastTimestamp: '2026-01-01T00:00:02Z', deprecatedCount: 3 },
    },
    {
      ...{ metadata: { name: 'e1' }, type: 'Normal', reason: 'Placed', note: 'on one' },
      ...{ regarding: { apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', namespace: 'team', name: 'web' } },
      ...{ eventTime: '2026-01-01T00:00:01.000000Z' },
    },
    { metadata: { name: 'other' }, regarding: { apiVersion: 'v1', kind: 'Pod', name: 'not-ours' } },
  ],
  pods: [
    pod('operator-0', 'operator', 'one', 2),
    pod('agent-one', 'agent', 'one'),
    pod('agent-two', 'agent', 'two'),
    pod('ovn-0', 'ovn', 'one'),
  ],
  nodes: [{ metadata: { name: 'one' } }],
  customresourcedefinitions: [
    { metadata: { name: 'instances.nephele.dev' }, spec: { group: 'nephele.dev' }, status: { storedVersions: ['v1'] } },
    { metadata: { name: 'others.example.org' }, spec: { group: 'example.org' } },
  ],
}

function listOf({ plural }: ResourceKind): KubeObject[] {
  if (plural === 'secrets' || plural === 'configmaps') throw new Error('a bundle reads none')
  if (plural === 'quotas') throw new ApiError('list', 403, { message: 'quotas is forbidden' })
  return (OBJECTS[plural] ?? []) as KubeObject[]
}

const context = (more: Partial<Context> = {}): Context => ({
  client: {
    find: async ({ plural }: ResourceKind, { name }: { name: string }) =>
      plural === 'nodes' && ['one', 'two', 'three'].includes(name) ? { metadata: { name } } : undefined,
    list: async (kind: ResourceKind) => listOf(kind),
    listPage: async (kind: ResourceKind) => ({ metadata: { resourceVersion: '1' }, items: listOf(kind) }),
  } as unknown as Context['client'],
  kubectl: async (argv) => {
    asked.push(argv.join(' '))
    if (argv.includes('ovs-flows') || argv.includes('dump-flows')) throw new Error('ovs-ofctl: br-int is no bridge')
    return argv[0] === 'logs' ? 'fetched https://ada:canary-login@host/x\n' : `said by ${argv.at(-1)}\n`
  },
  ...{
    namespace: 'team',
    isEverywhere: false,
    output: 'table',
    waits: true,
    timeoutMs: 1000,
    isHard: false,
    isForced: false,
    isWeb: false,
    snapshot: {},
    restore: { isDryRun: false, lostNodes: [] },
  },
  ...{ signal: new AbortController().signal, now: new Date('2026-01-02T03:04:05.678Z'), progress: () => undefined },
  print: (line) => void said.push(line),
  readHidden: async () => [],
  ...more,
})

async function unpack(): Promise<Map<string, string>> {
  const archive = said[0] ?? ''
  await exec(['tar', '--extract', '--file', archive, '--directory', folder], { timeoutMs: 10_000 })
  const top = join(folder, 'nephele-support-20260102T030405Z')
  const files = readdirSync(top, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path.slice(top.length + 1), readFileSync(path, 'utf8')]
    }),
  )
}

test('objects, Events, logs and what it runs as are in it, and no secret; what could not be read is listed', async () => {
  expect(await supportBundle.run(context(), [], [])).toBe(0)
  expect(said[0]).toBe(join(process.cwd(), 'nephele-support-20260102T030405Z.tar.gz'))
  expect(statSync(said[0] ?? '').mode & 0o777).toBe(0o600)
  const files = await unpack()
  expect(files.get('objects/instances.yaml')).toMatch(/^---\napiVersion: nephele\.dev\/v1alpha1\nkind: Instance\n/)
  expect(files.get('events.txt')).toBe(
    '2026-01-01T00:00:01.000000Z  Normal  Instance team/web  Placed  on one\n' +
      '2026-01-01T00:00:02Z  Warning  Instance team/web  StartFailed (3 times)  it\u{fffd}[2J did not start\n',
  )
  expect(files.get('cluster/definitions.yaml')).not.toContain('example.org')
  expect(files.get('cluster/definitions.yaml')).toContain('storedVersions')
  expect([...files.keys()].filter((path) => /^(logs|nodes|ovn)\//.test(path)).toSorted()).toEqual([
    'logs/nephele-system/agent-one/agent.log',
    'logs/nephele-system/agent-two/agent.log',
    'logs/nephele-system/operator-0/operator.log',
    'logs/nephele-system/operator-0/operator.previous.log',
    'logs/nephele-system/ovn-0/northd.log',
    'ovn/ovn-0/ovn-nbctl-show.txt',
    'ovn/ovn-0/ovn-sbctl-show.txt',
  ])
  expect(files.get('README.txt')).toContain('\n  objects/quotas.yaml: ')
  expect(files.get('README.txt')).toContain('quotas is forbidden')
  expect(said[1]).toBe('1 things could not be read: README.txt in it says which, and why')
  expect([...files.values()].join('')).not.toContain('canary')
})

test('nodes that are named: their programs are asked, and of agents only their logs are read', async () => {
  await supportBundle.run(context(), ['two', 'three'], [])
  const files = await unpack()
  expect(files.get('nodes/two/virsh-list.txt')).toBe('said by --all\n')
  expect(files.has('nodes/two/ovs-flows.txt')).toBe(false)
  expect(files.has('logs/nephele-system/agent-two/agent.log')).toBe(true)
  expect(files.has('logs/nephele-system/agent-one/agent.log')).toBe(false)
  expect(files.get('README.txt')).toContain('nodes/two/ovs-flows.txt: ovs-ofctl: br-int is no bridge')
  expect(files.get('README.txt')).toContain('nodes/three: no pod of the agent is on this node')
  expect(asked).toContain(
    'exec --namespace=nephele-system --container=agent agent-two -- nsenter --target 1 --mount --net --uts -- virsh --readonly list --all',
  )
})

test('a node that is not there: nothing is made', async () => {
  await expect(supportBundle.run(context(), ['typo'], [])).rejects.toThrow('there is no node "typo"')
  expect(readdirSync(folder)).toEqual([])
})

test('one that is broken off leaves nothing behind', async () => {
  const own = () => readdirSync(tmpdir()).filter((name) => name.startsWith('nephele-support-')).length
  const count = own()
  const stop = new AbortController()
  const kubectl: Context['kubectl'] = async () => {
    stop.abort()
    throw stop.signal.reason
  }
  await expect(supportBundle.run(context({ signal: stop.signal, kubectl }), [], [])).rejects.toThrow()
  expect(readdirSync(folder)).toEqual([])
  expect(own()).toBe(count)
})
