// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../command-line/command.ts'
import type { HttpKubeClient } from '../../lib/kube/http-client.ts'
import type { LogRequest, Pod } from './pods.ts'

/** What a bundle asks pods for. All @throws where it cannot be had. */
export interface PodAccess {
  log: (request: LogRequest) => Promise<string>
  /** Of the apiserver. */
  version: () => Promise<string>
  /** Runs a program in a container. Absent: that is not allowed. */
  run?: (pod: Pod, container: string, argv: readonly string[]) => Promise<string>
}

const ASK_MS = 60_000
const LINES_OF_LOG = 20_000
/** The newest of a log are kept. */
const MOST_BYTES = 32 * 2 ** 20

/** Logs, and programs in pods: by the protocols that kubectl, which has called us, speaks already. */
export function byKubectl({ kubectl, signal }: Pick<Context, 'kubectl' | 'signal'>): PodAccess {
  const ask = (argv: readonly string[]): Promise<string> => kubectl(argv, { timeoutMs: ASK_MS, signal })
  return {
    log: ({ pod, container, previous }) =>
      ask([
        ...[
          'logs',
          `--namespace=${pod.metadata.namespace ?? ''}`,
          `--container=${container}`,
          `--tail=${LINES_OF_LOG}`,
        ],
        ...[`--previous=${previous}`, '--timestamps', '--', pod.metadata.name],
      ]),
    version: () => ask(['version', '--output=yaml']),
    run: (pod, container, argv) => {
      const { namespace = '', name } = pod.metadata
      return ask(['exec', `--namespace=${namespace}`, `--container=${container}`, name, '--', ...argv])
    },
  }
}

/** Of a pod in the cluster, whose account may read logs and run nothing. */
export function byApi(client: Pick<HttpKubeClient, 'readText'>, signal: AbortSignal): PodAccess {
  const read = (path: string): Promise<string> =>
    client.readText(path, { mostBytes: MOST_BYTES, timeoutMs: ASK_MS, signal })
  return {
    log: ({ pod, container, previous }) => {
      const [namespace, name] = [pod.metadata.namespace ?? '', pod.metadata.name].map(encodeURIComponent)
      const query = new URLSearchParams({
        container,
        tailLines: String(LINES_OF_LOG),
        previous: String(previous),
        timestamps: 'true',
      })
      return read(`/api/v1/namespaces/${namespace}/pods/${name}/log?${query.toString()}`)
    },
    version: () => read('/version'),
  }
}
