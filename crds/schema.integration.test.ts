// SPDX-License-Identifier: Apache-2.0
// The schemas against a real apiserver: every bound and every rule refuses one object and accepts another.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments, stringify } from 'yaml'
import { startControlPlane, type ControlPlane } from '../local/control-plane/start.ts'
import { connectApi, type Answer, type Api } from './suite/api.ts'
import {
  fieldName,
  placesOf,
  withChanges,
  withValue,
  type Changes,
  type JsonObject,
  type Place,
} from './suite/places.ts'
import { RULE_CASES } from './suite/rule-cases.ts'
import type { RuleCase } from './suite/rules/rule-case.ts'
import { VALUE_RULES } from './suite/rules/values.ts'
import { SAMPLES } from './suite/samples.ts'
import { CRD_FOLDER, fieldsOf, readCrds, rulesOf, type Crd, type Field } from './suite/schema.ts'
import { violationsOf } from './suite/violations.ts'

const EXAMPLES = join(import.meta.dirname, '../examples')
const CRDS = readCrds()
const KINDS = CRDS.map((crd) => crd.spec.names.kind)
let plane: ControlPlane
let api: Api

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: false })
  api = connectApi(plane)
  await plane.kubectl(['apply', '-f', CRD_FOLDER])
  await plane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', '-f', CRD_FOLDER])
  await plane.kubectl(['create', 'namespace', 'tests'])
  // A CRD is served a moment after it says Established.
  for (const crd of CRDS) await untilServed(crd)
}, 120_000)
afterAll(async () => {
  api.close()
  await plane.stop()
})

const crdOf = (kind: string): Crd => CRDS.find((crd) => crd.spec.names.kind === kind)!
const pathOf = (kind: string): string => {
  const { scope, names } = crdOf(kind).spec
  return `/apis/nephele.dev/v1alpha1/${scope === 'Namespaced' ? 'namespaces/tests/' : ''}${names.plural}`
}
const objectOf = (kind: string, sample = 0): JsonObject => {
  const { spec, status, name = `sample-${sample}` } = SAMPLES[kind]![sample]!
  return { apiVersion: 'nephele.dev/v1alpha1', kind, metadata: { name }, spec, ...(status ? { status } : {}) }
}
/** What `kubectl apply` says of each object of a file. */
const apply = async (input: string): Promise<string[]> =>
  (await plane.kubectl(['apply', '-f', '-'], { input })).trim().split('\n')
const create = (kind: string, object: JsonObject) => api.send('POST', `${pathOf(kind)}?dryRun=All`, object)
const says = (answer: Answer, part: string | RegExp) => {
  expect(answer.message).toMatch(
    part instanceof RegExp ? part : new RegExp(part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')),
  )
  expect(answer.code).toBe(422)
}
const accepts = (answer: Answer) => expect([answer.code, answer.message]).toEqual([answer.code === 200 ? 200 : 201, ''])

async function untilServed(crd: Crd): Promise<void> {
  for (let left = 100; left > 0; left--) {
    if ((await api.send('GET', pathOf(crd.spec.names.kind))).code === 200) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${crd.metadata.name} is not served`)
}

/** The object, really created, as it is stored; removed by `remove`. */
async function stored(
  kind: string,
  object: JsonObject,
): Promise<{ object: JsonObject; path: string; remove: () => Promise<unknown> }> {
  const answer = await api.send('POST', pathOf(kind), object)
  accepts(answer)
  const path = `${pathOf(kind)}/${(object.metadata as JsonObject).name as string}`
  return { object: answer.body, path, remove: () => api.send('DELETE', path) }
}

test.each([
  ['Port', '10.0.0.5,fd00::5'],
  ['Instance', '10.0.0.5,fd00::5'],
  ['Router', '203.0.113.10,2001:db8::10'],
])('kubectl get prints the addresses of both families of a %s', async (kind, addresses) => {
  const sample = objectOf(kind)
  const { object, path, remove } = await stored(kind, sample)
  accepts(await api.send('PUT', `${path}/status`, { ...object, status: sample.status }))
  const name = (sample.metadata as JsonObject).name as string
  const printed = await plane.kubectl(['get', '-n', 'tests', crdOf(kind).spec.names.plural, name])
  expect(printed.split(/\s+/)).toContain(addresses)
  await remove()
})

describe.each(KINDS)('%s', (kind) => {
  const fields = fieldsOf(crdOf(kind))
  const samples = (SAMPLES[kind] ?? []).map((_, i) => objectOf(kind, i))
  const find = (field: Field): { sample: JsonObject; place: Place } | undefined => {
    for (const sample of samples) {
      const place = placesOf(sample, field.path)[0]
      if (place) return { sample, place }
    }
    return undefined
  }

  test('accepts its samples, status included', async () => {
    for (const sample of samples) {
      accepts(await create(kind, sample))
      if (!sample.status) continue
      const { object, path, remove } = await stored(kind, sample)
      const answer = await api.send('PUT', `${path}/status`, { ...object, status: sample.status })
      accepts(answer)
      // A status without it gets it (decision 78).
      expect(answer.body.status).toEqual(Object.assign({ observedGeneration: 0 }, sample.status))
      await remove()
    }
  }, 30_000)

  test('a server-side apply of what is there already changes nothing, once the filled-in status is stored', async () => {
    const input = samples.map((sample) => stringify({ ...sample, status: undefined })).join('---\n')
    const applied = async () => {
      const say = [
        '-n',
        'tests',
        '-o',
        'jsonpath={range .items[*]}{.metadata.resourceVersion} {end}{.metadata.resourceVersion}',
      ]
      return plane.kubectl(['apply', '--server-side', '-f', '-', ...say], { input })
    }
    expect(await applied()).toMatch(/^\d+/)
    // The status that the schema fills in is stored by the first write after the create (decision 78), and that is all.
    const second = await applied()
    expect(await applied()).toBe(second)
    await plane.kubectl(['delete', '-n', 'tests', '-f', '-'], { input })
  }, 30_000)

  test('every bound of spec and status refuses', async () => {
    const main = samples[0]!
    const { object, path, remove } = await stored(kind, main)
    const wrong: string[] = []
    for (const field of fields) {
      for (const violation of violationsOf(field)) {
        const found = find(field)
        if (!found || !/^(spec|status)/.test(field.path)) continue
        const broken = withValue(found.sample, found.place, violation.value)
        const answer = field.path.startsWith('status')
          ? await api.send('PUT', `${path}/status?dryRun=All`, { ...object, status: broken.status })
          : await create(kind, broken)
        const told = answer.code === 422 && answer.message.includes(fieldName(found.place).replace(/\.[^.]*$/, ''))
        if (!told || !violation.says.test(answer.message)) {
          wrong.push(`${field.path} ${violation.bound}: ${answer.code} ${answer.message}`)
        }
      }
    }
    await remove()
    expect(wrong).toEqual([])
  }, 60_000)

  test('every required field is missed', async () => {
    for (const field of fields.filter((f) => /^spec/.test(f.path))) {
      for (const name of field.schema.required ?? []) {
        const found = find(field)
        if (!found) continue
        says(await create(kind, withValue(found.sample, [...found.place, name], undefined)), /Required value/)
      }
    }
  }, 30_000)

  test('rules of single values refuse and accept in every place', async () => {
    for (const field of fields) {
      for (const rule of rulesOf(field)) {
        const values = VALUE_RULES.find((v) => rule.message.includes(v.says))
        const found = find(field)
        if (!values || !found) continue
        for (const bad of values.bad) says(await create(kind, withValue(found.sample, found.place, bad)), values.says)
        for (const good of values.good) accepts(await create(kind, withValue(found.sample, found.place, good)))
      }
    }
  }, 60_000)

  const cases = RULE_CASES.filter((c) => c.kind === kind)
  if (cases.length > 0) {
    test.each(cases.map((c) => [`${c.path || 'object'}: ${c.says}`, c] as const))(
      '%s',
      async (_, c: RuleCase) => {
        const base = withChanges(objectOf(kind, c.sample ?? 0), c.before ?? {})
        const bad = Array.isArray(c.bad) ? c.bad : [c.bad]
        if (c.transition) return transition(kind, base, c, bad)
        for (const changes of bad) says(await create(kind, withChanges(base, changes)), c.says)
        for (const changes of [{}, ...(c.good ?? [])]) accepts(await create(kind, withChanges(base, changes)))
      },
      30_000,
    )
  }
})

/** Of the changes, those below `status`. */
function ofStatus(changes: Changes = {}): Changes {
  return Object.fromEntries(Object.entries(changes).filter(([path]) => path.startsWith('status.')))
}

async function transition(kind: string, base: JsonObject, c: RuleCase, bad: Changes[]): Promise<void> {
  const { object: created, path, remove } = await stored(kind, base)
  let object = created
  try {
    if (c.observed) {
      const { body } = await api.send('PUT', `${path}/status`, {
        ...created,
        ...withChanges({ status: SAMPLES[kind]![c.sample ?? 0]!.status! }, ofStatus(c.before)),
      })
      object = body
    }
    for (const changes of bad) {
      says(await api.send('PUT', `${path}?dryRun=All`, withChanges(object, changes)), c.says)
    }
    for (const changes of [{}, ...(c.good ?? [])]) {
      accepts(await api.send('PUT', `${path}?dryRun=All`, withChanges(object, changes)))
    }
  } finally {
    await remove()
  }
}

describe('kubectl', () => {
  test.each(KINDS)(
    'explain %s is the reference manual',
    async (kind) => {
      const { plural, shortNames } = crdOf(kind).spec.names
      const text = await plane.kubectl(['explain', `${plural}.nephele.dev`, '--recursive'])
      expect(text).toContain(`KIND:       ${kind}`)
      expect(await plane.kubectl(['explain', `${plural}.nephele.dev.spec`])).toMatch(/DESCRIPTION:\n\s+\S/)
      expect(await plane.kubectl(['get', shortNames[0]!, '-A'])).toBe('')
    },
    30_000,
  )

  test('get nephele lists all kinds, columns answer at a glance, selectable fields select', async () => {
    const { object, path, remove } = await stored('Instance', objectOf('Instance'))
    await api.send('PUT', `${path}/status`, { ...object, status: SAMPLES.Instance![0]!.status! })
    const table = await plane.kubectl(['-n', 'tests', 'get', 'nephele'])
    expect(table).toMatch(/^instance\.nephele\.dev\/sample-0\s+ACTIVE\s+\d+\s+n1\s+10\.0\.0\.5,fd00::5\s+small\s+\d+s/m)
    const select = (field: string) =>
      plane.kubectl(['-n', 'tests', 'get', 'ninst', '-o', 'name', '--field-selector', field])
    expect(await select('status.node=n1')).toContain('sample-0')
    expect(await select('spec.imageRef.name=other')).toBe('')
    await remove()
  }, 30_000)
})

describe('a second apply changes nothing', () => {
  // What the apiserver fills into an item of a list is taken for a change by every client that sends the list.
  const isUnchanged = async (text: string) => {
    await apply(text)
    const again = await apply(text)
    expect(again.filter((line) => !line.endsWith(' unchanged'))).toEqual([])
  }
  test.each(Object.entries(SAMPLES).flatMap(([kind, samples]) => samples.map((_, i) => [kind, i] as const)))(
    'of sample %s %i',
    async (kind, i) => {
      const { apiVersion, metadata, spec } = objectOf(kind, i) as JsonObject & { metadata: JsonObject }
      const name = kind === 'Cloud' || kind === 'IPClaim' ? metadata['name'] : `again-${i}`
      const at = crdOf(kind).spec.scope === 'Namespaced' ? { name, namespace: 'tests' } : { name }
      await isUnchanged(stringify({ apiVersion, kind, metadata: at, spec }))
      // There is one alone: an example that says less would take back what the sample said.
      if (kind === 'Cloud') await plane.kubectl(['delete', 'clouds.nephele.dev', name as string])
    },
    30_000,
  )
  test('of the shortest rules of a group', async () => {
    const rules = [{ direction: 'ingress' }, { direction: 'egress', protocol: 'tcp' }]
    const metadata = { name: 'short', namespace: 'tests' }
    await isUnchanged(
      stringify({ apiVersion: 'nephele.dev/v1alpha1', kind: 'SecurityGroup', metadata, spec: { rules } }),
    )
  }, 30_000)
  // What stands in testdata/ was read from a cluster, and is not for applying.
  const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.yaml') && !name.includes('/testdata/'),
  )
  test.each(files.sort())(
    'of examples/%s',
    async (file) => {
      const documents = parseAllDocuments(readFileSync(join(EXAMPLES, file), 'utf8'))
      const kinds = documents.map((document) => document.get('kind') as string)
      const namespaces = new Set(
        documents.flatMap((document) => (document.getIn(['metadata', 'namespace']) as string) ?? []),
      )
      for (const name of namespaces) await plane.kubectl(['create', 'namespace', name]).catch(() => undefined)
      if (kinds.every((kind) => [...KINDS, 'Namespace', 'RoleBinding', 'ServiceAccount'].includes(kind)))
        await isUnchanged(documents.map(String).join('---\n'))
    },
    60_000,
  )
})
