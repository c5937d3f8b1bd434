// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { ROOT } from '../generated-files.ts'
import { addKind } from './add-kind.ts'
import { namesOf } from './names.ts'

const SHARED = ['operator/kinds.ts', 'operator/controllers/all.ts', 'crds/suite/samples.ts', 'e2e/harness/objects.ts']
const DEFINITIONS = readdirSync(join(ROOT, 'crds')).filter((name) => name.endsWith('.yaml'))

let root: string
const read = (path: string) => readFileSync(join(root, path), 'utf8')
/** Lines of the file that were not there, each with the line above it. */
function addedTo(path: string): string[] {
  const before = readFileSync(join(ROOT, path), 'utf8').split('\n')
  const after = read(path).split('\n')
  const added = after.flatMap((line, i) => (before.includes(line) ? [] : [`${after[i - 1]}\n${line}`]))
  expect(after.filter((line) => before.includes(line) && line !== '')).toEqual(before.filter((line) => line !== ''))
  return added
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nephele-new-kind-'))
  for (const path of [...SHARED, ...DEFINITIONS.map((name) => `crds/${name}`)])
    cpSync(join(ROOT, path), join(root, path))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

test('a kind has its definition, its controller and its lines, each in its place', async () => {
  const { made, changed } = await addKind(root, 'GreenHouse', false)
  const folder = 'operator/controllers/green-house'
  expect(made).toEqual([
    'crds/greenhouses.yaml',
    ...['kind.ts', 'controller.ts', 'reconcile.ts', 'reconcile.test.ts'].map((file) => `${folder}/${file}`),
  ])
  expect(changed).toEqual(SHARED)
  expect(addedTo('operator/kinds.ts')).toEqual([
    expect.stringMatching(/floatingIP.*\n.*greenHouseKind.*controllers\/green-house\/kind\.ts'$/),
    '  floatingIPs: floatingIPKind,\n  greenHouses: greenHouseKind,',
  ])
  expect(addedTo('operator/controllers/all.ts')).toEqual([
    expect.stringMatching(/floatingIP.*\n.*greenHouseController.*\.\/green-house\/controller\.ts'$/),
    expect.stringMatching(/\n {4}greenHouses: greenHouseController\(deps\),$/),
  ])
  expect(addedTo('crds/suite/samples.ts')).toEqual([expect.stringMatching(/^ {2}\],\n {2}GreenHouse: \[/)])
  expect(addedTo('e2e/harness/objects.ts')).toEqual([expect.stringContaining("draft('GreenHouse', at, spec)")])
  expect(parse(read('crds/greenhouses.yaml'))).toMatchObject({
    metadata: { name: 'greenhouses.nephele.dev' },
    spec: { scope: 'Namespaced', names: { kind: 'GreenHouse', plural: 'greenhouses', shortNames: ['ngh'] } },
  })
  expect(read(`${folder}/controller.ts`)).toContain('kind: GREEN_HOUSE,')
})

test('one of no namespace is so in its definition, and no user’s draft is made of it', async () => {
  const { changed } = await addKind(root, 'GreenHouse', true)
  expect(parse(read('crds/greenhouses.yaml'))).toMatchObject({ spec: { scope: 'Cluster' } })
  expect(read('operator/controllers/green-house/reconcile.test.ts')).toContain("namespace: ''")
  expect(changed).not.toContain('e2e/harness/objects.ts')
})

test.each([
  ['KeyPair', 'there is a KeyPair'],
  ['keypair', 'there is a keypair'],
  ['Houses', 'in the singular'],
  ['green-house', 'CamelCase'],
  ['../House', 'CamelCase'],
])('%s is refused, and nothing is written', async (kind, message) => {
  await expect(addKind(root, kind, false)).rejects.toThrow(message)
  expect(readdirSync(join(root, 'crds')).filter((name) => name.endsWith('.yaml'))).toEqual(DEFINITIONS)
  expect(SHARED.flatMap(addedTo)).toEqual([])
})

test('a file that is not as expected leaves all as they were', async () => {
  rmSync(join(root, 'e2e/harness/objects.ts'))
  await expect(addKind(root, 'GreenHouse', false)).rejects.toThrow('objects.ts')
  expect(readdirSync(join(root, 'operator/controllers'))).toEqual(['all.ts'])
  expect(addedTo('operator/kinds.ts')).toEqual([])
})

describe('what a kind is called', () => {
  test.each([
    ['FloatingIP', 'floatingips', 'floatingIP', 'floatingIPs', 'FLOATING_IP', 'floating-ip', 'nfip'],
    ['GroupPolicy', 'grouppolicies', 'groupPolicy', 'groupPolicies', 'GROUP_POLICY', 'group-policy', 'ngp'],
    ['Router', 'routers', 'router', 'routers', 'ROUTER', 'router', 'nrouter'],
    ['HostClass', 'hostclasses', 'hostClass', 'hostClasses', 'HOST_CLASS', 'host-class', 'nhc'],
    ['QoSPolicy', 'qospolicies', 'qosPolicy', 'qosPolicies', 'QOS_POLICY', 'qos-policy', 'nqsp'],
    ['Switch', 'switches', 'switch', 'switches', 'SWITCH', 'switch', 'nswitch'],
  ])('%s', (kind, plural, camel, row, constant, folder, short) => {
    expect(namesOf(kind, false, [])).toEqual({ kind, plural, camel, row, constant, folder, short, isCluster: false })
  })

  test('a short name that is taken gives way to the whole name', () => {
    expect(namesOf('KeyPort', false, ['nkp']).short).toBe('nkeyport')
  })
})
