// SPDX-License-Identifier: Apache-2.0
// etcd saved and restored by its own programs, as an administrator does it (docs/disaster-recovery.md).
import { rm } from 'node:fs/promises'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../build/programs.ts'
import { etcdPeerArguments, pkiFile, storeDir } from './programs.ts'
import type { ControlPlanePorts } from './start.ts'

/**
 * Revisions that the restored store skips: more than any store writes between a snapshot and its loss, so that no watcher takes a new
 * revision for one that it knows. The figure of etcd's documentation: https://etcd.io/docs/v3.6/op-guide/recovery/
 */
const SKIPPED_REVISIONS = 1_000_000_000
const TIMEOUT_MS = 60_000

interface Store {
  /** Of the control plane. */
  dir: string
  ports: Pick<ControlPlanePorts, 'etcdClient' | 'etcdPeer'>
}

/** Saves what is stored while etcd serves. @throws ExecError */
export async function saveSnapshot({ dir, ports }: Store, file: string): Promise<void> {
  const credentials = ['ca.crt', 'apiserver.crt', 'apiserver.key'].map((name) => pkiFile(dir, name))
  const [cacert, cert, key] = credentials
  const options = [`--cacert=${cacert}`, `--cert=${cert}`, `--key=${key}`]
  const endpoint = `--endpoints=https://127.0.0.1:${ports.etcdClient}`
  await exec([await programPath('etcdctl'), endpoint, ...options, 'snapshot', 'save', file], { timeoutMs: TIMEOUT_MS })
}

/** Puts a snapshot in place of what is stored; etcd and the apiserver must be off. @throws ExecError */
export async function restoreSnapshot({ dir, ports }: Store, file: string): Promise<void> {
  await rm(storeDir(dir), { recursive: true, force: true })
  const where = [`--data-dir=${storeDir(dir)}`, ...etcdPeerArguments(ports.etcdPeer)]
  const history = [`--bump-revision=${SKIPPED_REVISIONS}`, '--mark-compacted']
  await exec([await programPath('etcdutl'), 'snapshot', 'restore', file, ...where, ...history], {
    timeoutMs: TIMEOUT_MS,
  })
}
