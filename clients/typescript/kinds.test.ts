// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { modelToGroupVersionKind } from 'kubernetes-fluent-client'
import { parse } from 'yaml'
import * as kinds from '@nephele/client'

const CRDS = join(import.meta.dirname, '../../crds')
const crds = readdirSync(CRDS)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => parse(readFileSync(join(CRDS, name), 'utf8')) as Crd)

interface Crd {
  spec: { group: string; names: { kind: string; plural: string }; versions: { name: string }[] }
}

test('each kind of crds/ is a class under its own name, registered as the API serves it', () => {
  const registered = Object.entries(kinds).map(([name, { name: model }]) => [name, modelToGroupVersionKind(model)])
  const served = crds.map(({ spec: { group, names, versions } }) => [
    names.kind,
    { group, version: versions[0]?.name, kind: names.kind, plural: names.plural },
  ])
  expect(Object.fromEntries(registered)).toEqual(Object.fromEntries(served))
  expect(served.length).toBeGreaterThanOrEqual(14)
})

test('types refuse what the schema does: the compiler holds these lines', () => {
  const subnet = new kinds.Subnet()
  subnet.spec = { networkRef: { name: 'net' }, cidr: '10.0.0.0/24' }
  // @ts-expect-error a field that is required
  subnet.spec = { cidr: '10.0.0.0/24' }
  // @ts-expect-error a field that does not exist
  subnet.spec = { networkRef: { name: 'net' }, cidr: '10.0.0.0/24', gateway: '10.0.0.1' }
  // @ts-expect-error a word that is none of the state's
  subnet.status = { state: 'Active' }
  subnet.status = { state: 'ACTIVE' }
  expect(subnet.status.state).toBe('ACTIVE')
})
