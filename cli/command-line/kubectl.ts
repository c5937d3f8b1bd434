// SPDX-License-Identifier: Apache-2.0
import { exec } from '../../lib/exec.ts'

const MOST_BYTES = 256 * 1024 * 1024

/** What kubectl prints, asked of the same cluster. @throws ExecError also where there is no kubectl */
export type Kubectl = (argv: readonly string[], options: { timeoutMs: number; signal: AbortSignal }) => Promise<string>

/** For logs, and for programs in pods: protocols that kubectl, which has called us, speaks already. */
export function kubectlOf({ kubeconfig, context }: { kubeconfig?: string; context?: string }): Kubectl {
  const flags = [
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
    ...(context === undefined ? [] : [`--context=${context}`]),
  ]
  return async (argv, options) => {
    const { stdout } = await exec(['kubectl', ...flags, ...argv], { ...options, maxOutputBytes: MOST_BYTES })
    return stdout
  }
}
