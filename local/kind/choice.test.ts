// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { chooseCluster, type Wishes } from './choice.ts'
import type { HostSurvey } from './runtime.ts'

const both: HostSurvey = { hasKind: true, answering: ['docker', 'podman'] }
const podmanAlone: HostSurvey = { hasKind: true, answering: ['podman'] }
const noRuntime: HostSurvey = { hasKind: true, answering: [] }
const nothing: HostSurvey = { hasKind: false, answering: [] }

describe('where the cluster lane runs', () => {
  test.each<[string, Wishes, HostSurvey, string, string]>([
    ['kind and two runtimes', {}, both, 'kind docker', 'kind and docker are here'],
    ['kind and podman', {}, podmanAlone, 'kind podman', 'kind and podman are here'],
    ['empty wishes are none', { cluster: '', provider: '' }, both, 'kind docker', 'kind and docker are here'],
    ['the runtime is chosen by kind’s own variable', { provider: 'podman' }, both, 'kind podman', 'podman are here'],
    ['that runtime does not answer', { provider: 'docker' }, podmanAlone, 'local', 'docker does not answer'],
    [
      'a runtime that we do not drive',
      { provider: 'nerdctl' },
      both,
      'local',
      'nerdctl does not answer or is not used',
    ],
    ['a client without its daemon', {}, noRuntime, 'local', 'no container runtime answers (docker, podman)'],
    ['nothing', {}, nothing, 'local', 'there is no program kind'],
    ['local wins', { cluster: 'local' }, both, 'local', 'NEPHELE_E2E_CLUSTER=local'],
    ['local wins, with a runtime chosen', { cluster: 'local', provider: 'podman' }, both, 'local', '=local'],
    ['kind is asked for', { cluster: 'kind' }, podmanAlone, 'kind podman', 'NEPHELE_E2E_CLUSTER=kind'],
  ])('%s', (_, wishes, host, on, why) => {
    const choice = chooseCluster(wishes, host)
    expect(choice.on === 'kind' ? `kind ${choice.runtime}` : choice.on).toBe(on)
    expect(choice.why).toContain(why)
  })

  test.each<[string, Wishes, HostSurvey, string]>([
    ['no kind', { cluster: 'kind' }, nothing, 'NEPHELE_E2E_CLUSTER=kind, but there is no program kind'],
    ['no runtime', { cluster: 'kind' }, noRuntime, 'no container runtime answers'],
    ['another runtime', { cluster: 'kind', provider: 'docker' }, podmanAlone, 'docker does not answer'],
    ['a misspelt wish', { cluster: 'Kind' }, both, 'NEPHELE_E2E_CLUSTER is "Kind": kind or local'],
  ])('%s: says so and runs nowhere else', (_, wishes, host, message) => {
    expect(() => chooseCluster(wishes, host)).toThrow(message)
  })
})
