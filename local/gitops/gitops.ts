// SPDX-License-Identifier: Apache-2.0
// What Flux and Argo CD say of objects and do with them, by their own code (main.go here). For tests.
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../build/programs.ts'

const REPOSITORY = join(import.meta.dirname, '..', '..')
export const CUSTOMIZATIONS = join(REPOSITORY, 'examples/gitops/argocd/resource_customizations')
const SCRIPT = join(CUSTOMIZATIONS, 'nephele.dev/_/health.lua')

export interface Verdict {
  /** Of Flux's kstatus. */
  status: 'InProgress' | 'Failed' | 'Current' | 'Terminating'
  because: string
  /** Of Argo CD, with our script. */
  health: string
  message: string
}

async function run<T>(args: readonly string[], input: string, timeoutMs = 60_000): Promise<T> {
  const { stdout } = await exec([await programPath('gitops'), ...args], { input, timeoutMs })
  return JSON.parse(stdout) as T
}

/** What both say of each object. */
export const judge = (objects: readonly object[]): Promise<Verdict[]> => run(['judge', SCRIPT], JSON.stringify(objects))

/** By what an object is called (`Instance/shop/web`), what became of it. */
export type Changes = Record<string, 'created' | 'configured' | 'unchanged' | 'deleted' | 'skipped'>

/** A Kustomization of Flux. */
export class Kustomization {
  readonly #kubeconfig: string
  readonly #name: string

  constructor(kubeconfig: string, name: string) {
    this.#kubeconfig = kubeconfig
    this.#name = name
  }

  /** @param input manifests @throws what Flux says when it could not apply all of them */
  apply(input: string): Promise<Changes> {
    return run(['apply', this.#kubeconfig, this.#name], input)
  }

  /** As with `wait: true`. @throws what is not ready by then, or has failed */
  async wait(input: string, seconds: number): Promise<void> {
    await run(['wait', this.#kubeconfig, String(seconds)], input, (seconds + 10) * 1000)
  }

  /** What Git no longer has. */
  prune(input: string): Promise<Changes> {
    return run(['prune', this.#kubeconfig, this.#name], input)
  }
}
