// SPDX-License-Identifier: Apache-2.0
// examples/gitops under Flux's own engine, on a real apiserver with the operator: what Git has is applied in any order, is there, and stays as it
// is; nothing of ours writes into a spec.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments, stringify } from 'yaml'
import { SAMPLES } from '../../crds/suite/samples.ts'
import * as kinds from '../../lib/api/kinds.ts'
import type { Instance, Volume } from '../../lib/api/types.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import { programPath } from '../../local/build/programs.ts'
import { judge, Kustomization, type Changes } from '../../local/gitops/gitops.ts'
import { ensureNodes, isGone, isReady } from '../testing/furnish.ts'
import { TestCloud } from '../testing/test-cloud.ts'

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'gitops')
const NODES = {
  net: { 'nephele.dev/storage': 'true', 'nephele.dev/image': 'true' },
  c1: { 'nephele.dev/compute': 'fake' },
}

type Manifest = KubeObject & { spec?: Record<string, unknown> }

/** The manifests of a folder of the example, those that `without` names left out. */
function manifestsOf(folder: string, without: readonly string[] = []): Manifest[] {
  const files = readdirSync(join(EXAMPLE, folder)).sort()
  const all = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(EXAMPLE, folder, file), 'utf8')).map((one) => one.toJS() as Manifest),
  )
  return all.filter(({ kind }) => !without.includes(kind!))
}

const text = (manifests: readonly Manifest[]) => manifests.map((one) => stringify(one)).join('---\n')
const actions = (changes: Changes) => [...new Set(Object.values(changes))]
const kindOf = (name: string): ResourceKind => kinds.CUSTOM_KINDS.find(({ kind }) => kind === name)!

async function startCloud(): Promise<TestCloud> {
  await programPath('gitops')
  // Agents that do everything at once and whole: it is who writes what that is looked at.
  const cloud = await TestCloud.start(0)
  await cloud.startOperator()
  await ensureNodes(cloud, NODES)
  return cloud
}

describe('a cloud and a tenant', () => {
  let cloud: TestCloud
  let settings: Kustomization
  let tenant: Kustomization
  // A way to the outside takes nodes that have one: e2e/first-machine.
  const shop = manifestsOf('shop', ['FloatingIP']).map((one) => {
    const spec = { ...one.spec }
    delete spec['externalGateway']
    return { ...one, spec }
  })
  const at = (name: string): ObjectRef => ({ namespace: 'shop', name })
  const ours = shop.filter(({ apiVersion }) => apiVersion?.startsWith('nephele.dev/'))
  const live = () => Promise.all(ours.map((one) => cloud.client.get(kindOf(one.kind!), at(one.metadata.name))))
  const machine = () => cloud.client.get<Instance>(kinds.INSTANCE, at('web'))

  beforeAll(async () => {
    cloud = await startCloud()
    settings = new Kustomization(cloud.kubeconfigPath, 'cloud')
    tenant = new Kustomization(cloud.kubeconfigPath, 'shop')
  }, 600_000)
  afterAll(() => cloud.stop(), 60_000)

  test('in which order they appear does not matter: the tenant comes first, its machines before all that they name', async () => {
    // Of what lacks its namespace Flux says so, and tries again.
    await expect(tenant.apply(text(shop))).rejects.toThrow(
      /namespaces "shop" not found|namespace not specified|dry-run failed/,
    )
    await cloud.create(kinds.NAMESPACE, { metadata: { name: 'shop' } })
    for (const one of shop) await tenant.apply(text([one]))
    await cloud.until<Instance>(kinds.INSTANCE, at('web'), (i) => i?.status?.conditions !== undefined)
    expect((await judge([await machine()]))[0]).toMatchObject({ status: 'InProgress', health: 'Progressing' })
    const backwards = manifestsOf('cloud').toReversed()
    for (const one of backwards) await settings.apply(text([one]))
    await settings.wait(text(backwards), 60)
    await tenant.wait(text(shop), 60)
    const verdicts = await judge(await live())
    expect(verdicts.map(({ status, health }) => [status, health])).toEqual(ours.map(() => ['Current', 'Healthy']))
    const nodes = cloud.nodes.get('c1')!
    expect(nodes.instances.size).toBe(2)
  }, 180_000)

  test('a second apply changes nothing, nor does the operator change what Git has', async () => {
    const before = await live()
    for (const [kustomization, manifests] of [
      [settings, manifestsOf('cloud')],
      [tenant, shop],
    ] as const)
      expect(actions(await kustomization.apply(text(manifests)))).toEqual(['unchanged'])
    expect(await live()).toEqual(before)
    for (const [i, object] of before.entries()) expect(object).toMatchObject({ spec: ours[i]!.spec ?? {} })
  }, 60_000)

  test('what was changed by hand is put back where Git has it, and stays where Git has nothing', async () => {
    const before = await machine()
    await cloud.kubectl([
      'patch',
      '-n',
      'shop',
      'nsg',
      'web',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/rules/1"}]',
    ])
    await cloud.kubectl(['apply', '--server-side', '--field-manager=night-shift', '-f', '-'], {
      input: stringify({
        ...{ apiVersion: before.apiVersion, kind: 'Instance', metadata: at('web') },
        spec: { runState: 'Stopped' },
      }),
    })
    await cloud.until<Instance>(kinds.INSTANCE, at('web'), (i) => i?.status?.state === 'SHUTOFF' && isReady(i))
    const changes = await tenant.apply(text(shop))
    const changed = Object.entries(changes).filter(([, action]) => action !== 'unchanged')
    expect(changed).toEqual([['SecurityGroup/shop/web', 'configured']])
    expect(await machine()).toMatchObject({ spec: { runState: 'Stopped' }, status: { state: 'SHUTOFF' } })
    // Off by choice: nothing is wrong with it.
    expect((await judge([await machine()]))[0]).toMatchObject({ status: 'Current', health: 'Healthy' })
    // Two managers do not take each other's fields without being told to.
    const keyPair = {
      apiVersion: before.apiVersion,
      kind: 'Instance',
      metadata: at('web'),
      spec: { keyPairRef: { name: 'other' } },
    }
    await expect(
      cloud.kubectl(['apply', '--server-side', '--field-manager=night-shift', '-f', '-'], {
        input: stringify(keyPair),
      }),
    ).rejects.toThrow(/conflict/)
    await cloud.client.mergePatch(kinds.INSTANCE, at('web'), { spec: { runState: 'Running' } })
    await cloud.until<Instance>(kinds.INSTANCE, at('web'), (i) => i?.status?.state === 'ACTIVE' && isReady(i))
  }, 60_000)

  test('what was made by hand is taken over as it is: nothing is made anew, no machine starts again', async () => {
    const worker = shop.find(({ kind, metadata }) => kind === 'Instance' && metadata.name === 'worker')!
    const byHand = { ...worker, metadata: at('by-hand') }
    await cloud.kubectl(['create', '-f', '-'], { input: stringify(byHand) })
    const before = await cloud.until<Instance>(kinds.INSTANCE, at('by-hand'), isReady)
    const changes = await tenant.apply(text([...shop, byHand as Manifest]))
    expect(changes['Instance/shop/by-hand']).toBe('configured')
    await tenant.wait(text([byHand as Manifest]), 20)
    const after = await cloud.client.get<Instance>(kinds.INSTANCE, at('by-hand'))
    expect(after.metadata.uid).toBe(before!.metadata.uid)
    expect(after.metadata.generation).toBe(before!.metadata.generation)
    expect(after.status).toMatchObject({
      node: 'c1',
      epoch: before!.status!.epoch,
      startedAt: before!.status!.startedAt,
    })
    // It leaves Git again: it and nothing else goes.
    expect(await tenant.prune(text([byHand as Manifest]))).toEqual({ 'Instance/shop/by-hand': 'deleted' })
    await cloud.until(kinds.INSTANCE, at('by-hand'), isGone)
    expect(actions(await tenant.apply(text(shop)))).toEqual(['unchanged'])
  }, 60_000)

  test('all of it leaves Git at once: each thing is held until nothing uses it, and what may not be pruned stays', async () => {
    const volume = await cloud.client.get<Volume>(kinds.VOLUME, at('data'))
    // Networks first, under running machines.
    const changes = await tenant.prune(text(shop))
    expect(changes['Volume/shop/data']).toBe('skipped')
    const gone = ours.filter(({ kind }) => kind !== 'Volume')
    for (const { kind, metadata } of gone) await cloud.until(kindOf(kind!), at(metadata.name), isGone, 40_000)
    expect(cloud.nodes.get('c1')!.instances.size).toBe(0)
    const kept = await cloud.until<Volume>(
      kinds.VOLUME,
      at('data'),
      (v) => isReady(v) && v?.status?.state === 'available',
    )
    expect(kept!.metadata.uid).toBe(volume.metadata.uid)
    // It comes back, with its volume.
    await tenant.apply(text(shop.toReversed()))
    await tenant.wait(text(shop), 60)
    expect(isReady(await machine())).toBe(true)
    const used = await cloud.until<Volume>(kinds.VOLUME, at('data'), (v) => v?.status?.state === 'in-use')
    expect(used!.metadata.uid).toBe(volume.metadata.uid)
  }, 120_000)

  test('argocd-cm.yaml is merged into the settings that are there', async () => {
    await cloud.kubectl(['create', 'namespace', 'argocd'])
    await cloud.kubectl([
      'create',
      'configmap',
      '-n',
      'argocd',
      'argocd-cm',
      '--from-literal=url=https://cd.example.com',
    ])
    await cloud.kubectl([
      'patch',
      'configmap',
      'argocd-cm',
      '-n',
      'argocd',
      '--patch-file',
      join(EXAMPLE, 'argocd/argocd-cm.yaml'),
    ])
    const { data } = JSON.parse(
      await cloud.kubectl(['get', 'configmap', '-n', 'argocd', 'argocd-cm', '-o', 'json']),
    ) as { data: Record<string, string> }
    const script = readFileSync(join(EXAMPLE, 'argocd/resource_customizations/nephele.dev/_/health.lua'), 'utf8')
    const keys = kinds.CUSTOM_KINDS.map(({ group, kind }) => [
      `resource.customizations.health.${group}_${kind}`,
      script,
    ])
    expect(data).toEqual({ url: 'https://cd.example.com', ...Object.fromEntries(keys) })
  }, 30_000)
})

describe('every kind', () => {
  let cloud: TestCloud
  beforeAll(async () => {
    cloud = await startCloud()
    await cloud.create(kinds.NAMESPACE, { metadata: { name: 'team' } })
  }, 600_000)
  afterAll(() => cloud.stop(), 60_000)

  // The operator alone writes claims of addresses; the Cloud is applied above, and this one would say that a backup was restored.
  const manifests = kinds.CUSTOM_KINDS.filter(({ kind }) => kind !== 'IPClaim' && kind !== 'Cloud').flatMap(
    ({ group, version, kind, namespaced }) =>
      SAMPLES[kind]!.map(({ spec, name }, i): Manifest => {
        const metadata = { name: name ?? `sample-${i}`, ...(namespaced ? { namespace: 'team' } : {}) }
        return { apiVersion: `${group}/${version}`, kind, metadata: metadata as Manifest['metadata'], spec }
      }),
  )
  const get = ({ kind, metadata: { name, namespace } }: Manifest) =>
    cloud.client.get(kindOf(kind!), namespace === undefined ? { name } : { namespace, name })

  test('is as Git has it after the operator has seen it, to Flux and to kubectl diff', async () => {
    const git = new Kustomization(cloud.kubeconfigPath, 'all')
    expect(actions(await git.apply(text(manifests)))).toEqual(['created'])
    const specs = (await Promise.all(manifests.map(get))).map(({ spec }) => spec)
    const isSeen = (object: KubeObject | undefined) => (object?.status as Instance['status'])?.conditions !== undefined
    for (const one of manifests)
      await cloud.until(
        kindOf(one.kind!),
        { name: one.metadata.name, ...(one.metadata.namespace ? { namespace: 'team' } : {}) },
        isSeen,
      )
    expect(actions(await git.apply(text(manifests)))).toEqual(['unchanged'])
    const after = await Promise.all(manifests.map(get))
    expect(after.map(({ spec }) => spec)).toEqual(specs)
    // Without a difference it says nothing, and succeeds.
    const labelled = manifests.map((one, i) => ({
      ...one,
      metadata: { ...one.metadata, labels: after[i]!.metadata.labels },
    }))
    expect(await cloud.kubectl(['diff', '-f', '-'], { input: text(labelled as Manifest[]) })).toBe('')
    const verdicts = await judge(after)
    const HEALTH: Record<string, string> = {
      Current: 'Healthy',
      InProgress: 'Progressing',
      Failed: 'Degraded',
      Terminating: 'Progressing',
    }
    const odd = verdicts.filter(({ status, health }) => HEALTH[status] !== health)
    expect(odd).toEqual([])
  }, 120_000)
})
