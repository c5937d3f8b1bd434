// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { asApplied, kubectlWords } from './cloud.ts'
import { instanceLines, type InstanceView } from './instances.ts'
import { rolesOf } from './show.ts'

test('a node says its roles without labels', () => {
  const labels = { 'nephele.dev/compute': 'libvirt', 'nephele.dev/storage': 'true', zone: 'a' }
  expect(rolesOf({ labels, dpdk: false })).toEqual(['compute (libvirt)', 'storage'])
  expect(rolesOf({ labels: {}, dpdk: true })).toEqual(['DPDK'])
})

const machine = (name: string, status: InstanceView['status']): InstanceView => ({
  metadata: { name, namespace: 'team', uid: name },
  spec: {},
  ...(status ? { status } : {}),
})
const active = machine('web', { state: 'ACTIVE', node: 'compute-1', addresses: [{ ipAddress: '10.0.0.5' }] })

test('machines stand under titles, and nothing says why when all are ready', () => {
  expect(instanceLines([active])).toEqual([
    'MACHINE   STATE   NODE       ADDRESSES', //
    'team/web  ACTIVE  compute-1  10.0.0.5',
  ])
})

test('one that is not ready says why', () => {
  const conditions = [{ type: 'Ready', status: 'False', reason: 'NoValidHost', message: 'no node has room' }]
  expect(instanceLines([active, machine('db', { state: 'BUILD', conditions })])).toEqual([
    'MACHINE   STATE   NODE       ADDRESSES  NOT READY',
    'team/web  ACTIVE  compute-1  10.0.0.5   -',
    'team/db   BUILD   -          -          NoValidHost: no node has room',
  ])
})

test.each([
  [true, 'kubectl', ['export KUBECONFIG=/k']],
  [false, 'npm run -s cloud -- --name c kubectl', []],
])('a host that has kubectl (%s) is told to run %s', (has, kubectl, exports) => {
  expect(kubectlWords('/k', has, '--name c ')).toEqual({ exports, kubectl })
})

test('what the cloud applies says what it was, as kubectl apply compares it with', () => {
  const manifest = { kind: 'Network', metadata: { name: 'private', annotations: { team: 'blue' } }, spec: {} }
  const { metadata, ...rest } = asApplied(manifest)
  expect(rest).toEqual({ kind: 'Network', spec: {} })
  const { 'kubectl.kubernetes.io/last-applied-configuration': last = '', ...own } = metadata.annotations ?? {}
  expect(own).toEqual({ team: 'blue' })
  expect(JSON.parse(last)).toEqual(manifest)
})
