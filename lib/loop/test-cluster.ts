// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from '../kube/errors.ts'
import type { KubeClient } from '../kube/client.ts'
import type { KubeObject, ResourceKind } from '../kube/object.ts'
import { until } from '../time/until.ts'
import { WIDGET, WIDGET_CRD } from './test-kind.ts'

const CRD: ResourceKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}
export const NAMESPACE: ResourceKind = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
}

/** For tests: installs the test kind into a real apiserver and waits until it is served. */
export async function createTestKind(client: KubeClient): Promise<void> {
  await client.apply<KubeObject>(CRD, WIDGET_CRD)
  const served = async (): Promise<boolean> => {
    try {
      await client.listPage(WIDGET, { limit: 1 })
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }
  await until(served, 'the test kind to be served', 20_000)
}
