// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { selectManifests } from './install.ts'

test('of a rendered chart: definitions first, no workloads, no hooks', () => {
  const manifest = (kind: string, name: string, annotations = '{}') =>
    `---\n# Source: x\napiversion: v1\nkind: ${kind}\nmetadata: { name: ${name}, annotations: ${annotations} }\n`
  const { definitions, others } = selectManifests(
    [
      manifest('ClusterRole', 'role'),
      manifest('Deployment', 'operator'),
      manifest('CustomResourceDefinition', 'instances.nephele.dev'),
      '---\n# only a comment\n',
      manifest('ConfigMap', 'hooked', '{ "helm.sh/hook": pre-install }'),
      manifest('ValidatingAdmissionPolicy', 'policy'),
    ].join(''),
  )
  expect(definitions.map((m) => m.metadata.name)).toEqual(['instances.nephele.dev'])
  expect(others.map((m) => m.metadata.name)).toEqual(['role', 'policy'])
})
