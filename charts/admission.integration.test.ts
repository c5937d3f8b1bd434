// SPDX-License-Identifier: Apache-2.0
// The rendered chart in a real apiserver: its policies refuse what they must and nothing else, and its roles allow what they say.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { stringify } from 'yaml'
import { until } from '../lib/time/until.ts'
import { startControlPlane, type ControlPlane } from '../local/control-plane/start.ts'
import { isHook, renderChart, renderHeldFromTheStart, renderRequestedBy, type Manifest } from './suite/render.ts'

/** Many a step is a process of kubectl: on a busy machine one takes seconds. Of hooks, too. */
jest.setTimeout(120_000)

const OPERATOR = 'system:serviceaccount:nephele-system:nephele-operator'
const AGENT = 'system:serviceaccount:nephele-system:nephele-agent'
const CONSOLE = 'system:serviceaccount:nephele-system:nephele-console'
const kubelet = (node: string) => [
  '--as',
  `system:node:${node}`,
  '--as-group',
  'system:nodes',
  '--as-group',
  'system:authenticated',
]
let plane: ControlPlane
let manifests: Manifest[]

const toYaml = (list: readonly unknown[]) => list.map((m) => stringify(m)).join('---\n')
const kubectl = (...args: string[]) => plane.kubectl(args)
const apply = (objects: readonly unknown[], ...args: string[]) =>
  plane.kubectl(['apply', '--server-side', '-f', '-', ...args], { input: toYaml(objects) })
const resource = (kind: string, name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'nephele.dev/v1alpha1',
  kind,
  metadata: { name, namespace: 'team', ...metadata },
  spec,
})
const may = async (user: string, verb: string, what: string, ...more: string[]) =>
  kubectl('auth', 'can-i', verb, what, '--as', user, ...more).then(
    (answer) => answer.trim() === 'yes',
    () => false,
  )

/** What is written of rights takes effect a moment later. */
const untilMay = (user: string, verb: string, what: string, is = true) =>
  until(async () => (await may(user, verb, what, '-n', 'team')) === is, `${user} may ${verb} ${what}: ${is}`, 30_000)

/** As the operator does: it has seen the object. */
const answer = (short: string, name: string) =>
  kubectl('-n', 'team', 'patch', short, name, '--subresource=status', '--type=merge', '-p', '{"status":{"observedGeneration":1}}')

beforeAll(async () => {
  plane = await startControlPlane()
  manifests = await renderChart()
  const definitions = manifests.filter((m) => m.kind === 'CustomResourceDefinition')
  await kubectl('create', 'namespace', 'nephele-system')
  await kubectl('create', 'namespace', 'team')
  await apply(definitions)
  await kubectl(
    'wait',
    '--for=condition=Established',
    '--timeout=30s',
    ...definitions.map((d) => `crd/${d.metadata.name}`),
  )
  await apply(manifests.filter((m) => m.kind !== 'CustomResourceDefinition' && !isHook(m)))
  await untilPoliciesHold()
}, 120_000)
afterAll(() => plane.stop())

/**
 * Policies take effect a moment after they were written, those of one kind in the order in which they were: until one that is written after all of
 * the chart's does.
 */
async function untilPoliciesHold(): Promise<void> {
  const metadata = { name: 'last-of-all.example.com' }
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }
  const spec = {
    matchConstraints: { resourceRules: [{ ...rule, resourceNames: ['probe'] }] },
    validations: [{ expression: 'false', message: 'it holds' }],
  }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  await apply([{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata, spec }])
  const bound = { policyName: metadata.name, validationActions: ['Deny'] }
  await apply([{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata, spec: bound }])
  const probe = ['-n', 'team', 'create', 'configmap', 'probe', '--dry-run=server']
  const refusal = () => kubectl(...probe).then(() => '', String)
  await until(async () => (await refusal()).includes('it holds'), 'policies to take effect', 60_000)
}

test('the apiserver takes every object of the chart, hooks too', async () => {
  const objects = manifests.filter((m) => m.kind !== 'CustomResourceDefinition')
  // A Pod is refused without its account, which a dry run does not make.
  await apply(objects.filter((m) => m.kind === 'ServiceAccount'))
  expect((await apply(objects, '--dry-run=server')).trim().split('\n')).toHaveLength(objects.length)
})

test('the expressions of the policies are sound for every type that they match', async () => {
  const json = await kubectl('get', 'validatingadmissionpolicies', '-o', 'json')
  const { items } = JSON.parse(json) as { items: { metadata: { name: string }; status?: { typeChecking?: object } }[] }
  const ours = items.filter((p) => p.metadata.name.endsWith('.nephele.dev'))
  expect(ours.map((p) => p.metadata.name).sort()).toEqual([
    'admin-passwords.nephele.dev',
    'console-tokens.nephele.dev',
    'definitions.nephele.dev',
    'deletion-protection.nephele.dev',
    'drain-holds.nephele.dev',
    'finalizers.nephele.dev',
    'held-objects.nephele.dev',
    'ignored-locks.nephele.dev',
    'locked-machines.nephele.dev',
    'node-labels.nephele.dev',
    'physical-networks.nephele.dev',
    'placement-previews.nephele.dev',
    'port-owners.nephele.dev',
    'requested-by.nephele.dev',
    'reset-state.nephele.dev',
    'scheduler-hints.nephele.dev',
    'tls-certificates.nephele.dev',
    'user-data.nephele.dev',
    'vpn-keys.nephele.dev',
  ])
  const warnings = ours.flatMap((p) => JSON.stringify(p.status?.typeChecking ?? {}))
  expect(warnings).toEqual(ours.map(() => '{}'))
})

describe('deletion protection', () => {
  const IMAGE = { source: { http: { url: 'https://example.com/a' } }, format: 'raw', deletionProtection: true }
  const INSTANCE = { flavorRef: { name: 'small' }, imageRef: { name: 'a' }, deletionProtection: true }
  const PROTECTED: [string, string, object][] = [
    ['Instance', 'ninst', INSTANCE],
    ['Image', 'nimg', IMAGE],
    ['Network', 'nnet', { deletionProtection: true }],
    ['Volume', 'nvol', { sizeGiB: 1, deletionProtection: true }],
  ]

  test.each(PROTECTED)(
    '%s',
    async (kind, short, spec) => {
      await apply([resource(kind, 'kept', spec), resource(kind, 'free', { ...spec, deletionProtection: false })])
      const refused = `${kind} kept has deletion protection: write spec.deletionProtection: false first`
      await expect(kubectl('-n', 'team', 'delete', short, 'kept')).rejects.toThrow(refused)
      await expect(kubectl('-n', 'team', 'delete', short, '--all', '--wait=false')).rejects.toThrow(refused)
      const names = await kubectl('-n', 'team', 'get', short, '-o', 'name')
      expect(names).toContain('/kept')
      expect(names).not.toContain('/free')
      await kubectl('-n', 'team', 'patch', short, 'kept', '--type=merge', '-p', '{"spec":{"deletionProtection":false}}')
      await kubectl('-n', 'team', 'delete', short, 'kept')
    },
  )

  test('deletecollection leaves what is protected', async () => {
    await apply([
      resource('Volume', 'kept', { sizeGiB: 1, deletionProtection: true }),
      resource('Volume', 'free', { sizeGiB: 1 }),
    ])
    const path = '/apis/nephele.dev/v1alpha1/namespaces/team/volumes'
    await expect(kubectl('delete', '--raw', path)).rejects.toThrow('Volume kept has deletion protection')
    expect(await kubectl('-n', 'team', 'get', 'nvol', 'kept', '-o', 'name')).toContain('kept')
  })
})

describe('finalizers', () => {
  const OURS = 'nephele.dev/release'
  const held = (...finalizers: string[]) => resource('Port', 'held', { networkRef: { name: 'net' } }, { finalizers })
  const patch = (body: object, ...as: string[]) =>
    kubectl('-n', 'team', 'patch', 'nport', 'held', '--type=merge', '-p', JSON.stringify(body), ...as)
  const remove = () => kubectl('-n', 'team', 'delete', 'nport', 'held', '--wait=false')
  /** As the operator's loop does when it sees the object without it. */
  const restore = () => patch({ metadata: { finalizers: [OURS] } }, '--as', OPERATOR)
  const replace = (object: object) => plane.kubectl(['replace', '-f', '-'], { input: stringify(object) })
  afterEach(async () => {
    await restore().catch(() => undefined)
    await remove().catch(() => undefined)
    await patch({ metadata: { finalizers: null } }, '--as', OPERATOR).catch(() => undefined)
  })

  test('ours stays on what is being deleted, for everyone but the operator; those of others are theirs', async () => {
    await apply([held(OURS, 'example.com/other')])
    await answer('nport', 'held')
    await patch({ metadata: { finalizers: [OURS] } })
    await patch({ metadata: { labels: { a: 'b' } } })
    await remove()
    const refused = 'the finalizer nephele.dev/release stays until the operator has released'
    await expect(patch({ metadata: { finalizers: null } })).rejects.toThrow(refused)
    await expect(replace(held())).rejects.toThrow(refused)
    await patch({ metadata: { finalizers: null } }, '--as', OPERATOR)
    await expect(kubectl('-n', 'team', 'get', 'nport', 'held')).rejects.toThrow('not found')
  })

  test('a PUT of a bare manifest goes through, and nothing is deleted before the finalizer is back', async () => {
    await apply([held(OURS)])
    await answer('nport', 'held')
    await replace(held())
    const why = 'Port held was replaced without the finalizer nephele.dev/release, which the operator puts back'
    await expect(remove()).rejects.toThrow(why)
    await expect(kubectl('-n', 'team', 'delete', 'nport', '--all', '--wait=false')).rejects.toThrow(why)
    await expect(kubectl('-n', 'team', 'delete', 'nport', 'held', '--force', '--grace-period=0')).rejects.toThrow(why)
    await expect(kubectl('-n', 'team', 'delete', 'nport', 'held', '--as', OPERATOR)).rejects.toThrow(why)
    await restore()
    await remove()
    expect(await kubectl('-n', 'team', 'get', 'nport', 'held', '-o', 'jsonpath={.metadata.finalizers}')).toContain(OURS)
  })

  test('one that the operator has not answered yet keeps it, and one that it never saw may go', async () => {
    await apply([held(OURS)])
    await expect(replace(held())).rejects.toThrow('the operator has not answered it yet: try again')
    await apply([resource('Port', 'unseen', { networkRef: { name: 'net' } })])
    await kubectl('-n', 'team', 'delete', 'nport', 'unseen')
  })
})

describe('owners of ports', () => {
  /** Instances that are there: those of others would have Kubernetes' garbage collector take the Port away, sooner or later. */
  const uids = { vm: '', other: '' }
  const owner = (more: object = {}, name: keyof typeof uids = 'vm') => ({
    ...{ apiVersion: 'nephele.dev/v1alpha1', kind: 'Instance', name, uid: uids[name], controller: true, ...more },
  })
  const port = (...ownerReferences: object[]) =>
    resource('Port', 'owned', { networkRef: { name: 'net' } }, { ownerReferences })
  const create = (object: object, as: readonly string[]) =>
    plane.kubectl(['create', '-f', '-', ...as], { input: stringify(object) })
  const patch = (ownerReferences: object[] | null, as: readonly string[]) => {
    const body = JSON.stringify({ metadata: { ownerReferences } })
    return kubectl('-n', 'team', 'patch', 'nport', 'owned', '--type=merge', '-p', body, ...as)
  }
  const refused = 'only the operator makes an Instance the controller of a Port'
  const asOperator = ['--as', OPERATOR]
  const asCollector = ['--as', 'system:serviceaccount:kube-system:generic-garbage-collector']
  const tenant = ['--as', 'editor']
  beforeAll(async () => {
    await kubectl('-n', 'team', 'create', 'rolebinding', 'editor', '--clusterrole=nephele-edit', '--user=editor')
    await untilMay('editor', 'patch', 'ports.nephele.dev')
    const spec = { flavorRef: { name: 'small' }, imageRef: { name: 'a' } }
    for (const name of ['vm', 'other'] as const) {
      await apply([resource('Instance', name, spec)])
      uids[name] = await kubectl('-n', 'team', 'get', 'ninst', name, '-o', 'jsonpath={.metadata.uid}')
    }
  })
  afterEach(() => kubectl('-n', 'team', 'delete', 'nport', 'owned', '--ignore-not-found'))

  test.each([
    ['an administrator', []],
    ['a tenant', tenant],
  ])(
    '%s cannot make, change or take away an Instance’s',
    async (_, as) => {
      await expect(create(port(owner()), as)).rejects.toThrow(refused)
      await create(port(owner()), asOperator)
      await patch([owner()], as)
      await expect(patch(null, as)).rejects.toThrow(refused)
      await expect(patch([], as)).rejects.toThrow(refused)
      await expect(patch([owner({}, 'other')], as)).rejects.toThrow(refused)
      await expect(patch([owner({ controller: false })], as)).rejects.toThrow(refused)
      await patch([], asCollector)
      await expect(patch([owner()], as)).rejects.toThrow(refused)
    },
  )

  test('those that decide nothing here are everybody’s', async () => {
    const other = { ...owner(), apiVersion: 'argoproj.io/v1alpha1', kind: 'Application' }
    await create(port(owner({ controller: false }), other), tenant)
    await patch([owner({ controller: false }, 'other')], tenant)
    await patch(null, tenant)
  })
})

describe('hints to the scheduler', () => {
  const machine = (schedulerHints: object) =>
    resource('Instance', 'hinted', { flavorRef: { name: 'small' }, imageRef: { name: 'a' }, schedulerHints })
  const create = (hints: object, user: string) =>
    plane.kubectl(['create', '-f', '-', '--as', user], { input: stringify(machine(hints)) })
  const refused = 'spec.schedulerHints.node is for administrators of the cloud'
  beforeAll(async () => {
    for (const user of ['hinter', 'chooser'])
      await kubectl('-n', 'team', 'create', 'rolebinding', user, '--clusterrole=nephele-admin', `--user=${user}`)
    await kubectl('create', 'clusterrolebinding', 'chooser', '--clusterrole=nephele-cloud-admin', '--user=chooser')
    for (const user of ['hinter', 'chooser']) await untilMay(user, 'create', 'instances.nephele.dev')
    await untilMay('chooser', 'create', 'computenodes.nephele.dev')
  })
  afterEach(() => kubectl('-n', 'team', 'delete', 'ninst', 'hinted', '--ignore-not-found'))

  test('a node is named by who runs the cloud, all else by anybody', async () => {
    await expect(create({ node: 'c1' }, 'hinter')).rejects.toThrow(refused)
    await create({ sameHost: ['web'] }, 'hinter')
    await kubectl('-n', 'team', 'delete', 'ninst', 'hinted')
    await create({ node: 'c1' }, 'chooser')
    const patch = JSON.stringify({ metadata: { labels: { a: 'b' } } })
    await kubectl('-n', 'team', 'patch', 'ninst', 'hinted', '--type=merge', '-p', patch, '--as', 'hinter')
  })
})

describe('previews of placements', () => {
  const small = { flavorRef: { name: 'small' }, imageRef: { name: 'a' } }
  const ask = (spec: object, user: string) =>
    plane.kubectl(['create', '-f', '-', '--as', user], {
      input: stringify(resource('PlacementPreview', 'asked', { template: small, ...spec })),
    })
  beforeAll(async () => {
    for (const user of ['previewer', 'operatrix'])
      await kubectl('-n', 'team', 'create', 'rolebinding', user, '--clusterrole=nephele-admin', `--user=${user}`)
    await kubectl('create', 'clusterrolebinding', 'operatrix', '--clusterrole=nephele-cloud-admin', '--user=operatrix')
    await untilMay('operatrix', 'create', 'computenodes.nephele.dev')
    await untilMay('previewer', 'create', 'placementpreviews.nephele.dev')
  }, 30_000)
  afterEach(() => kubectl('-n', 'team', 'delete', 'npp', 'asked', '--ignore-not-found'))

  test.each([
    ['all of every node', { detailed: true }],
    ['beyond its Quota', { ignoreQuota: true }],
    ['about another project', { namespace: 'other' }],
    ['what becomes of a node', { template: undefined, drainNode: 'c1' }],
    ['about one node', { template: { ...small, schedulerHints: { node: 'c1' } } }],
  ])(
    'a project does not ask for %s, an administrator does',
    async (_, spec) => {
      await expect(ask(spec, 'previewer')).rejects.toThrow('are for administrators of the cloud')
      await ask(spec, 'operatrix')
    },
    30_000,
  )

  test('a project asks about itself', async () => {
    await ask({ count: 3, namespace: 'team', detailed: false, ignoreQuota: false }, 'previewer')
  }, 30_000)
})

describe('physical networks', () => {
  const provider = { providerNetworkRef: { name: 'dc' } }
  const network = (spec: object) => resource('Network', 'outside', spec)
  const create = (spec: object, user: string, ...more: string[]) =>
    plane.kubectl(['create', '-f', '-', '--as', user, ...more], { input: stringify(network(spec)) })
  const patch = (spec: object, user: string) =>
    kubectl('-n', 'team', 'patch', 'nnet', 'outside', '--type=merge', '-p', JSON.stringify({ spec }), '--as', user)
  const refused = 'spec.provider and spec.external of a Network are for administrators of the cloud'
  beforeAll(async () => {
    await kubectl('-n', 'team', 'create', 'rolebinding', 'netter', '--clusterrole=nephele-admin', '--user=netter')
    await kubectl('-n', 'team', 'create', 'rolebinding', 'runner', '--clusterrole=nephele-admin', '--user=runner')
    await kubectl('create', 'clusterrolebinding', 'runner', '--clusterrole=nephele-cloud-admin', '--user=runner')
    for (const user of ['netter', 'runner']) await untilMay(user, 'create', 'networks.nephele.dev')
    await untilMay('runner', 'create', 'providernetworks.nephele.dev')
  })
  afterEach(() => kubectl('-n', 'team', 'delete', 'nnet', 'outside', '--ignore-not-found'))

  test.each([
    ['provider', { provider }],
    ['external', { external: true }],
    ['both', { provider, external: true }],
  ])(
    'a project cannot ask for %s, who runs the cloud can',
    async (_, spec) => {
      await expect(create(spec, 'netter')).rejects.toThrow(refused)
      await create(spec, 'runner')
    },
  )
  test('neither becomes, nor stops being so, by a project; all else is its own', async () => {
    await create({ external: false }, 'netter')
    await expect(patch({ external: true }, 'netter')).rejects.toThrow(refused)
    await patch({ external: true }, 'runner')
    await patch({ mtu: 1400 }, 'netter')
    await patch({ external: true }, 'netter')
    await expect(patch({ external: false }, 'netter')).rejects.toThrow(refused)
    await expect(patch({ external: null }, 'netter')).rejects.toThrow(refused)
    await kubectl('-n', 'team', 'delete', 'nnet', 'outside', '--as', 'netter')
  })
  test('the operator holds such a Network, and lets it go', async () => {
    await create({ provider, external: true }, 'runner')
    const hold = (finalizers: string[] | null) => {
      const body = JSON.stringify({ metadata: { finalizers } })
      return kubectl('-n', 'team', 'patch', 'nnet', 'outside', '--type=merge', '-p', body, '--as', OPERATOR)
    }
    await hold(['nephele.dev/release'])
    await hold(null)
  })
})

describe('user data', () => {
  const machine = (name: string, secret?: string) =>
    resource('Instance', name, {
      ...{ flavorRef: { name: 'small' }, imageRef: { name: 'a' } },
      ...(secret === undefined ? {} : { userDataSecretRef: { name: secret } }),
    })
  const create = (object: object, user: string) =>
    plane.kubectl(['create', '-f', '-', '--as', user], { input: stringify(object) })
  const patch = (name: string, spec: object, user: string) =>
    kubectl('-n', 'team', 'patch', 'ninst', name, '--type=merge', '-p', JSON.stringify({ spec }), '--as', user)
  const refused = (secret: string) => `spec.userDataSecretRef names Secret ${secret}, which maker may not get`

  beforeAll(async () => {
    await kubectl('-n', 'team', 'create', 'rolebinding', 'maker', '--clusterrole=nephele-edit', '--user=maker')
    await kubectl('-n', 'team', 'create', 'role', 'boot-reader', '--verb=get', '--resource=secrets', '--resource-name=boot')
    await kubectl('-n', 'team', 'create', 'rolebinding', 'maker-boot', '--role=boot-reader', '--user=maker')
    await untilMay('maker', 'create', 'instances.nephele.dev')
    await untilMay('maker', 'get', 'secrets/boot')
  })

  test('one names a Secret that one may read, when it is named and at no other time', async () => {
    await expect(create(machine('vm-1', 'token'), 'maker')).rejects.toThrow(refused('token'))
    await create(machine('vm-1', 'boot'), 'maker')
    await patch('vm-1', { runState: 'Stopped' }, 'maker')
    await create(machine('vm-2'), 'maker')
    await kubectl('-n', 'team', 'delete', 'rolebinding', 'maker-boot')
    await untilMay('maker', 'get', 'secrets/boot', false)
    await patch('vm-1', { runState: 'Running' }, 'maker')
    await expect(create(machine('vm-3', 'boot'), 'maker')).rejects.toThrow(refused('boot'))
  })

  test('the same of a VPNConnection', async () => {
    await kubectl('-n', 'team', 'create', 'rolebinding', 'maker-boot', '--role=boot-reader', '--user=maker')
    await untilMay('maker', 'get', 'secrets/boot')
    const connection = (secret: string) =>
      resource('VPNConnection', 'office', {
        ...{ vpnServiceRef: { name: 'main' }, peerAddress: '198.51.100.7', peerCIDRs: ['172.16.0.0/16'] },
        preSharedKeySecretRef: { name: secret },
      })
    const other = JSON.stringify({ spec: { preSharedKeySecretRef: { name: 'token' } } })
    const refusal = 'spec.preSharedKeySecretRef names Secret token, which maker may not get'
    await expect(create(connection('token'), 'maker')).rejects.toThrow(refusal)
    await create(connection('boot'), 'maker')
    await expect(
      kubectl('-n', 'team', 'patch', 'nvpnc', 'office', '--type=merge', '-p', other, '--as', 'maker'),
    ).rejects.toThrow(refusal)
    const turned = (name: string) =>
      JSON.stringify({ spec: { preSharedKeySecretRef: null, certificateSecretRef: { name } } })
    const patch = (text: string) =>
      kubectl('-n', 'team', 'patch', 'nvpnc', 'office', '--type=merge', '-p', text, '--as', 'maker')
    await expect(patch(turned('token'))).rejects.toThrow(
      'spec.certificateSecretRef names Secret token, which maker may not get',
    )
    await expect(patch(JSON.stringify({ spec: { certificateSecretRef: { name: 'token' } } }))).rejects.toThrow('not both')
    await patch(turned('boot'))
  })

  test('the same of certificates of a LoadBalancer, each of as many as it may name', async () => {
    const named = (...secrets: string[]) =>
      secrets.map((name, i) => ({
        ...{ name: `l${i}`, protocol: 'https', port: 443 + i },
        tls: { certificateSecretRefs: [{ name }] },
      }))
    const balancer = (name: string, ...secrets: string[]) =>
      resource('LoadBalancer', name, { vip: { subnetRef: { name: 'lan' } }, listeners: named(...secrets) })
    const refusal = 'tls.certificateSecretRefs names Secret token, which maker may not get'
    await expect(create(balancer('shop', 'token'), 'maker')).rejects.toThrow(refusal)
    const many = Array.from({ length: 15 }, () => 'boot')
    await expect(create(balancer('shop', ...many, 'token'), 'maker')).rejects.toThrow(refusal)
    await create(balancer('shop', ...many, 'boot'), 'maker')
    const patch = (listeners: object[], ...as: string[]) => {
      const text = JSON.stringify({ spec: { listeners } })
      return kubectl('-n', 'team', 'patch', 'nlb', 'shop', '--type=merge', '-p', text, ...as)
    }
    await expect(patch(named('boot', 'token'), '--as', 'maker')).rejects.toThrow(refusal)
    // Who edits something else need not be who named the Secret.
    await patch(named('boot', 'token'))
    await patch([...named('boot', 'token'), { name: 'plain', protocol: 'tcp', port: 80 }], '--as', 'maker')
    // As with an Ingress, who may edit it serves under what it names (docs/security.md): more names of its own it may not add.
    await patch(named('boot', 'token', 'token'), '--as', 'maker')
    await patch(named('boot'), '--as', 'maker')
    await expect(patch(named('boot', 'token'), '--as', 'maker')).rejects.toThrow(refusal)
  })
})

describe('definitions', () => {
  test('are not deleted before someone says so', async () => {
    const refused = 'kubectl annotate crd keypairs.nephele.dev nephele.dev/allow-delete=true'
    await expect(kubectl('delete', 'crd', 'keypairs.nephele.dev')).rejects.toThrow(refused)
    await expect(kubectl('delete', 'crd', '-l', 'app.kubernetes.io/part-of=nephele')).rejects.toThrow(
      'would delete all of its objects',
    )
    await kubectl('annotate', 'crd', 'keypairs.nephele.dev', 'nephele.dev/allow-delete=true')
    await kubectl('delete', 'crd', 'keypairs.nephele.dev', '--dry-run=server')
  })

  test("others' definitions are none of our business", async () => {
    const other = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Cluster',
        names: { kind: 'Thing', plural: 'things' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    }
    await apply([other])
    await kubectl('delete', 'crd', 'things.example.com')
  })
})

describe('labels of nodes', () => {
  const refused = 'labels of nephele.dev choose what a node does for the cloud'
  const label = (value: string, ...as: string[]) => kubectl('label', 'node', 'n1', '--overwrite', value, ...as)

  test('a kubelet makes its node and its own labels, but none of ours', async () => {
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'n1' } },
    }
    const forged = { ...node, metadata: { name: 'n1', labels: { 'nephele.dev/compute': 'libvirt' } } }
    const create = (object: object) =>
      plane.kubectl(['create', '-f', '-', ...kubelet('n1')], { input: stringify(object) })
    await expect(create(forged)).rejects.toThrow(refused)
    await create(node)
    await label('nephele.dev/compute=libvirt')
    await label('kubernetes.io/arch=amd64', ...kubelet('n1'))
    await expect(label('nephele.dev/compute=kubevirt', ...kubelet('n1'))).rejects.toThrow(refused)
    await expect(label('nephele.dev/storage=true', ...kubelet('n1'))).rejects.toThrow(refused)
    await expect(label('nephele.dev/compute-', ...kubelet('n1'))).rejects.toThrow(refused)
    // As kubelets report their status: whoever writes it may send labels with it.
    const report = async (labels: Record<string, string>) => {
      const found = JSON.parse(await kubectl('get', 'node', 'n1', '-o', 'json', ...kubelet('n1'))) as Manifest
      Object.assign((found.metadata.labels ??= {}), labels)
      const args = ['replace', '--raw', '/api/v1/nodes/n1/status', '-f', '-', ...kubelet('n1')]
      return plane.kubectl(args, { input: JSON.stringify(found) })
    }
    await expect(report({ 'nephele.dev/image': 'true' })).rejects.toThrow(refused)
    await report({ 'kubernetes.io/os': 'linux' })
    expect(await kubectl('get', 'node', 'n1', '-o', 'jsonpath={.metadata.labels}')).toContain(
      '"nephele.dev/compute":"libvirt"',
    )
  })
})

describe('roles', () => {
  beforeAll(async () => {
    for (const role of ['view', 'edit', 'admin']) {
      await kubectl('-n', 'team', 'create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}-user`)
    }
    // Kubernetes' own roles take ours in by their labels a moment later.
    const areTaken = async () =>
      (await may('view-user', 'list', 'ipclaims.nephele.dev', '-n', 'team')) &&
      (await may('edit-user', 'create', 'instances.nephele.dev', '-n', 'team')) &&
      (await may('admin-user', 'create', 'instances.nephele.dev', '-n', 'team'))
    for (let left = 100; left > 0 && !(await areTaken()); left--) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })

  test.each([
    ['view-user', 'get', 'instances.nephele.dev', true],
    ['view-user', 'create', 'instances.nephele.dev', false],
    ['view-user', 'list', 'ipclaims.nephele.dev', true],
    ['edit-user', 'create', 'instances.nephele.dev', true],
    ['edit-user', 'deletecollection', 'volumes.nephele.dev', true],
    ['edit-user', 'create', 'instanceactions.nephele.dev', true],
    ['view-user', 'create', 'instanceactions.nephele.dev', false],
    ['view-user', 'list', 'instanceactions.nephele.dev', true],
    ['edit-user', 'update', 'instances.nephele.dev/status', false],
    ['edit-user', 'create', 'ipclaims.nephele.dev', false],
    ['admin-user', 'create', 'networks.nephele.dev', true],
    ['admin-user', 'delete', 'ipclaims.nephele.dev', false],
    ['admin-user', 'patch', 'ports.nephele.dev/status', false],
    ['admin-user', 'create', 'flavors.nephele.dev', false],
    ['admin-user', 'get', 'providernetworks.nephele.dev', false],
    ['nobody', 'get', 'instances.nephele.dev', false],
    [OPERATOR, 'update', 'instances.nephele.dev/status', true],
    [OPERATOR, 'create', 'ipclaims.nephele.dev', true],
    [OPERATOR, 'update', 'ipclaims.nephele.dev', true],
    [OPERATOR, 'patch', 'ipclaims.nephele.dev', false],
    ['admin-user', 'update', 'ipclaims.nephele.dev', false],
    [OPERATOR, 'update', 'instances.nephele.dev', false],
    [OPERATOR, 'delete', 'instances.nephele.dev', false],
    [OPERATOR, 'get', 'secrets', false],
    [OPERATOR, 'list', 'secrets', false],
    [OPERATOR, 'watch', 'secrets', false],
    [OPERATOR, 'delete', 'instanceactions.nephele.dev', true],
    [OPERATOR, 'create', 'instanceactions.nephele.dev', false],
    [OPERATOR, 'create', 'images.nephele.dev', true],
    [OPERATOR, 'delete', 'images.nephele.dev', true],
    [OPERATOR, 'update', 'images.nephele.dev', false],
    ['admin-user', 'create', 'imagestores.nephele.dev', false],
    [OPERATOR, 'create', 'pods', false],
    [OPERATOR, 'delete', 'consoleaccesses.nephele.dev', true],
    [OPERATOR, 'create', 'consoleaccesses.nephele.dev', false],
    ['edit-user', 'create', 'consoleaccesses.nephele.dev', true],
    ['view-user', 'create', 'consoleaccesses.nephele.dev', false],
    [CONSOLE, 'get', 'consoleaccesses.nephele.dev', false],
    [CONSOLE, 'get', 'secrets', false],
    [AGENT, 'get', 'instances.nephele.dev', false],
    [AGENT, 'get', 'secrets', false],
    [AGENT, 'get', 'nodes', false],
  ])('%s: %s %s is %s', async (user, verb, what, allowed) => {
    const [name = '', subresource] = what.split('/')
    const more = subresource === undefined ? [] : [`--subresource=${subresource}`]
    expect(await may(user, verb, name, ...more, '-n', 'team')).toBe(allowed)
  })

  test('the operator writes Events and counts their repeats', async () => {
    for (const verb of ['create', 'patch']) await untilMay(OPERATOR, verb, 'events.events.k8s.io')
    expect(await may(OPERATOR, 'delete', 'events.events.k8s.io', '-n', 'team')).toBe(false)
  }, 60_000)

  test('the operator reads a namespace’s Secrets by name once the namespace lets it, as messages say it; no other’s', async () => {
    const account = '--serviceaccount=nephele-system:nephele-operator'
    await kubectl('create', 'namespace', 'lets')
    await kubectl(...['create', 'rolebinding', '-n', 'lets', 'nephele-user-data', '--clusterrole=nephele-user-data', account])
    const deadline = performance.now() + 10_000
    while (!(await may(OPERATOR, 'get', 'secrets/boot', '-n', 'lets'))) expect(performance.now()).toBeLessThan(deadline)
    expect(await may(OPERATOR, 'list', 'secrets', '-n', 'lets')).toBe(false)
    expect(await may(OPERATOR, 'get', 'secrets/boot', '-n', 'team')).toBe(false)
    expect(await may(OPERATOR, 'get', 'secrets/nephele-ca', '-n', 'nephele-system')).toBe(true)
    expect(await may(OPERATOR, 'get', 'secrets/nephele-nats-keys', '-n', 'nephele-system')).toBe(false)
  })

  test('whoever is known reads Flavors and VolumeTypes', async () => {
    const someone = ['--as-group', 'system:authenticated']
    expect(await may('someone', 'list', 'flavors.nephele.dev', ...someone)).toBe(true)
    expect(await may('someone', 'watch', 'volumetypes.nephele.dev', ...someone)).toBe(true)
    expect(await may('someone', 'list', 'storagepools.nephele.dev', ...someone)).toBe(false)
  })
})

describe('who asked for an InstanceAction', () => {
  const of = (name: string, more: object = {}) =>
    resource('InstanceAction', name, { instanceRef: { name: 'vm' }, type: 'Reset', ...more })
  const create = (user: string, object: object, ...args: string[]) =>
    plane.kubectl(['create', '-f', '-', '--as', user, '-o', 'jsonpath={.spec.requestedBy}', ...args], {
      input: stringify(object),
    })
  beforeAll(async () => {
    for (const user of ['asker', 'rebooter'])
      await kubectl('-n', 'team', 'create', 'rolebinding', user, '--clusterrole=nephele-edit', `--user=${user}`)
    await kubectl('create', 'clusterrolebinding', 'rebooter', '--clusterrole=nephele-cloud-admin', '--user=rebooter')
    for (const user of ['asker', 'rebooter']) await untilMay(user, 'create', 'instanceactions.nephele.dev')
    await untilMay('rebooter', 'create', 'computenodes.nephele.dev')
  }, 30_000)

  test('nobody names another one but who runs the cloud, and without mutating policies nobody has to be named', async () => {
    await expect(create('asker', of('foreign', { requestedBy: 'rebooter' }))).rejects.toThrow('write asker, or leave it out')
    expect(await create('asker', of('own', { requestedBy: 'asker' }))).toBe('asker')
    expect(await create('asker', of('nobody'))).toBe('')
    expect(await create('rebooter', of('restored', { requestedBy: 'asker' }))).toBe('asker')
    const patch = JSON.stringify({ spec: { requestedBy: 'rebooter' } })
    const patching = kubectl('-n', 'team', 'patch', 'nact', 'own', '--type=merge', '-p', patch, '--as', 'asker')
    await expect(patching).rejects.toThrow('leave it as it is')
  }, 30_000)

  test('what failed is tried again for those who run the cloud alone', async () => {
    const reset = (name: string) => of(name, { type: 'ResetState' })
    await expect(create('asker', reset('theirs'))).rejects.toThrow('is for administrators of the cloud')
    await expect(create('asker', of('hidden', { type: 'ResetState', requestedBy: 'asker' }))).rejects.toThrow('Forbidden')
    expect(await create('rebooter', reset('ours'))).toBe('')
    expect(await create('asker', of('other', { type: 'CrashDump' }))).toBe('')
  }, 30_000)

  test('a locked machine is changed and deleted by those who run the cloud alone', async () => {
    const spec = { flavorRef: { name: 'small' }, imageRef: { name: 'a' }, locked: true }
    await plane.kubectl(['create', '-f', '-', '--as', 'asker'], { input: stringify(resource('Instance', 'locked', spec)) })
    const patch = (user: string, changes: object) =>
      kubectl(...['-n', 'team', 'patch', 'ninst', 'locked', '--type=merge', '-p', JSON.stringify(changes), '--as', user])
    const refused = 'Instance locked is locked: only administrators of the cloud'
    for (const change of [{ locked: false }, { locked: null }, { runState: 'Stopped' }])
      await expect(patch('asker', { spec: change })).rejects.toThrow(refused)
    await expect(kubectl('-n', 'team', 'delete', 'ninst', 'locked', '--as', 'asker')).rejects.toThrow(refused)
    await expect(kubectl('-n', 'team', 'delete', 'ninst', '--all', '--as', 'asker')).rejects.toThrow(refused)
    // What is not of the machine.
    await patch('asker', { metadata: { labels: { tier: 'web' }, finalizers: ['example.com/mine'] } })
    await patch('asker', { metadata: { finalizers: null } })
    await patch('rebooter', { spec: { runState: 'Stopped' } })
    await expect(create('asker', of('locked', { ignoreLock: true }))).rejects.toThrow('spec.ignoreLock is for administrators')
    expect(await create('asker', of('not-ignored', { ignoreLock: false }))).toBe('')
    expect(await create('rebooter', of('ignored', { ignoreLock: true }))).toBe('')
    await patch('rebooter', { spec: { locked: false } })
    await kubectl('-n', 'team', 'delete', 'ninst', 'locked', '--as', 'asker')
  }, 30_000)

  test('with them the apiserver writes it', async () => {
    await plane.kubectl(['apply', '--server-side', '-f', '-'], { input: await renderRequestedBy() })
    await until(
      async () => (await create('asker', of('probe'), '--dry-run=server')) === 'asker',
      'the policy to take effect',
      20_000,
    )
    expect(await create('asker', of('made'))).toBe('asker')
    await kubectl('delete', 'mutatingadmissionpolicybinding', 'requested-by.nephele.dev')
  }, 40_000)
})

describe('Secrets of the operator', () => {
  const owner = { apiVersion: 'nephele.dev/v1alpha1', kind: 'ConsoleAccess', name: 'look', uid: 'u' }
  const secret = (name: string, more: object = {}, metadata: object = {}) =>
    stringify({
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'nephele.dev/console-token', immutable: true, data: { token: 'eA==' } },
      ...more,
      metadata: { name, namespace: 'team', ownerReferences: [owner], ...metadata },
    })
  const create = (text: string, user = OPERATOR) => plane.kubectl(['create', '-f', '-', '--as', user], { input: text })

  test('are tokens of ConsoleAccesses alone; others make what they like', async () => {
    expect(await create(secret('token'))).toContain('created')
    const of = { 'kubernetes.io/service-account.name': 'default' }
    for (const [what, bad] of [
      ['another type', secret('bad', { type: 'Opaque' })],
      ['a service account’s', secret('bad', { type: 'kubernetes.io/service-account-token' }, { annotations: of })],
      ['one that may change', secret('bad', { immutable: undefined })],
      ['annotated', secret('bad', {}, { annotations: { note: 'of mine' } })],
      ['without an owner', secret('bad', {}, { ownerReferences: undefined })],
      ['another’s', secret('bad', {}, { ownerReferences: [{ ...owner, kind: 'Instance' }] })],
    ] as const)
      await expect(create(bad).then(() => what)).rejects.toThrow('no Secrets but tokens of ConsoleAccesses')
    expect(await plane.kubectl(['create', '-f', '-'], { input: secret('other', { type: 'Opaque' }) })).toContain('created')
  }, 60_000)

  test('who makes a ConsoleAccess names nobody else', async () => {
    const of = (name: string, by: string) =>
      stringify(resource('ConsoleAccess', name, { instanceRef: { name: 'vm' }, requestedBy: by }))
    await untilMay('edit-user', 'create', 'consoleaccesses.nephele.dev')
    await expect(create(of('foreign', 'jane'), 'edit-user')).rejects.toThrow('who makes the ConsoleAccess: write edit-user')
    expect(await create(of('own', 'edit-user'), 'edit-user')).toContain('created')
  }, 60_000)
})

describe('a password for a guest', () => {
  const of = (name: string) =>
    stringify(
      resource('InstanceAction', name, {
        ...{ instanceRef: { name: 'vm' }, type: 'SetAdminPassword' },
        setAdminPassword: { passwordSecretRef: { name: 'theirs' } },
      }),
    )
  test('is in a Secret that whoever names it may read', async () => {
    const create = (name: string) => plane.kubectl(['create', '-f', '-', '--as', 'setter'], { input: of(name) })
    await kubectl('-n', 'team', 'create', 'rolebinding', 'setter', '--clusterrole=nephele-edit', '--user=setter')
    await untilMay('setter', 'create', 'instanceactions.nephele.dev')
    await expect(create('theirs')).rejects.toThrow('names Secret theirs, which setter may not get')
    await kubectl('-n', 'team', 'create', 'role', 'setter', '--verb=get', '--resource=secrets', '--resource-name=theirs')
    await kubectl('-n', 'team', 'create', 'rolebinding', 'setter-reads', '--role=setter', '--user=setter')
    await until(async () => may('setter', 'get', 'secrets/theirs', '-n', 'team'), 'the role to take effect', 20_000)
    expect(await create('mine')).toContain('created')
  }, 60_000)
})

describe('held from the start, where the apiserver has mutating policies', () => {
  const finalizersOf = async (name: string) => {
    const text = await kubectl('-n', 'team', 'get', 'nport', name, '-o', 'json')
    return (JSON.parse(text) as { metadata: { finalizers?: string[] } }).metadata.finalizers
  }
  const port = (name: string, finalizers?: string[]) =>
    resource('Port', name, { networkRef: { name: 'net' } }, finalizers ? { finalizers } : {})
  const OURS = 'nephele.dev/release'

  beforeAll(async () => {
    await plane.kubectl(['apply', '--server-side', '-f', '-'], { input: await renderHeldFromTheStart() })
    const probe = ['create', '--dry-run=server', '-o', 'jsonpath={.metadata.finalizers}', '-f', '-']
    await until(
      async () => (await plane.kubectl(probe, { input: stringify(port('probe')) })).includes(OURS),
      'the policy to take effect',
      20_000,
    )
  })
  afterAll(() => kubectl('delete', 'mutatingadmissionpolicybinding', 'held-from-the-start.nephele.dev'))

  test.each([
    ['none', undefined, [OURS]],
    ["another's", ['example.com/other'], ['example.com/other', OURS]],
    ['ours already', [OURS, 'example.com/other'], [OURS, 'example.com/other']],
  ])('made with %s, by apply and by create', async (_which, given, expected) => {
    await apply([port('born', given)])
    expect(await finalizersOf('born')).toEqual(expected)
    // What the user does not write is not theirs to take away.
    await apply([port('born', given)], '--force-conflicts')
    expect(await finalizersOf('born')).toEqual(expected)
    await release('born')
    await plane.kubectl(['create', '-f', '-'], { input: stringify(port('born', given)) })
    expect(await finalizersOf('born')).toEqual(expected)
    await release('born')
  })

  test('a PUT of a bare manifest takes nothing away, answered or not; what is deleted can be let go of', async () => {
    await apply([port('put')])
    await plane.kubectl(['replace', '-f', '-'], { input: stringify(port('put')) })
    expect(await finalizersOf('put')).toEqual([OURS])
    await answer('nport', 'put')
    await plane.kubectl(['replace', '-f', '-'], { input: stringify(port('put')) })
    expect(await finalizersOf('put')).toEqual([OURS])
    await kubectl('-n', 'team', 'delete', 'nport', 'put', '--wait=false')
    expect(await finalizersOf('put')).toEqual([OURS])
    await release('put')
  })

  /** As the operator does; a deletion with nothing left to release takes the object away. */
  async function release(name: string): Promise<void> {
    await kubectl('-n', 'team', 'delete', 'nport', name, '--wait=false')
    const none = '{"metadata":{"finalizers":null}}'
    await kubectl('-n', 'team', 'patch', 'nport', name, '--type=merge', '-p', none, '--as', OPERATOR)
    await expect(kubectl('-n', 'team', 'get', 'nport', name)).rejects.toThrow('not found')
  }
})
