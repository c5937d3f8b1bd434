// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../build/programs.ts'
import { NAMESPACE } from '../services/tokens.ts'
import { CHART, renderChart } from './install.ts'

const POLICIES = 'admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy'

/** Each object as text, in an order of their own: Helm sorts by kind. */
const objectsOf = (text: string) =>
  parseAllDocuments(text)
    .map((document) => JSON.stringify(document.toJS()))
    .filter((json) => json !== 'null')
    .sort()

test.each([
  ['an apiserver that has no mutating policies', []],
  ['one that has', [POLICIES]],
])(
  'the chart for %s is what Helm makes of it',
  async (_, versions) => {
    const off = ['operator', 'agent', 'nats', 'ovn', 'bootstrap'].flatMap((part) => ['--set', `${part}.enabled=false`])
    const served = versions.flatMap((version) => ['--api-versions', version])
    const argv = ['template', 'nephele', CHART, '--namespace', NAMESPACE, ...off, ...served]
    const { stdout } = await exec([await programPath('helm'), ...argv], { timeoutMs: 60_000 })
    const ours = objectsOf(await renderChart(versions))
    expect(ours.length).toBeGreaterThan(20)
    expect(ours).toEqual(objectsOf(stdout))
  },
  120_000,
)
