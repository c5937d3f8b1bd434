// SPDX-License-Identifier: Apache-2.0
// A kind for the loop's own tests, as a CRD and as types.
import type { CommonStatus, KubeObject, ResourceKind } from '../kube/object.ts'

export const WIDGET: ResourceKind = {
  group: 'test.nephele.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
}
export const WIDGETS_PATH = '/apis/test.nephele.dev/v1/widgets'

export interface WidgetSpec {
  size: number
  text?: string
  ownerName?: string
}
export interface WidgetStatus extends CommonStatus {
  size?: number
  node?: string
}
export type Widget = KubeObject<WidgetSpec, WidgetStatus>

export function widget(name: string, spec: Partial<WidgetSpec> = {}, namespace = 'one') {
  return { metadata: { name, namespace }, spec: { size: 1, ...spec } }
}

const conditions = {
  type: 'array',
  'x-kubernetes-list-type': 'atomic',
  items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
}
const status = {
  type: 'object',
  properties: {
    observedGeneration: { type: 'integer' },
    size: { type: 'integer' },
    node: { type: 'string' },
    state: { type: 'string' },
    conditions,
  },
}
const spec = {
  type: 'object',
  required: ['size'],
  properties: { size: { type: 'integer', minimum: 0 }, text: { type: 'string' }, ownerName: { type: 'string' } },
}

export const WIDGET_CRD = {
  metadata: { name: 'widgets.test.nephele.dev' },
  spec: {
    group: WIDGET.group,
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec, status } } },
      },
    ],
  },
}
