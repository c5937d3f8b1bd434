// SPDX-License-Identifier: Apache-2.0
// OVN central by itself for tests: both databases and northd, without nodes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Remote } from '../../../../lib/ovsdb/remote.ts'
import { createDatabase, ovsPrograms, startOvsdbServer, type OvsPrograms } from '../../../../lib/ovsdb/test-server.ts'
import { NORTHBOUND_SCHEMA } from './northbound-server.ts'

export interface TestCentral {
  programs: OvsPrograms
  northbound: Remote
  southbound: Remote & { transport: 'unix' }
  northdPid: number
  /** Its control socket, for ovn-appctl. */
  northdControl: string
  stop(): Promise<void>
}

export async function startCentral(): Promise<TestCentral> {
  const programs = await ovsPrograms()
  const dir = mkdtempSync(join(tmpdir(), 'nephele-central-'))
  const start = async (name: string, schema: string) => {
    const file = join(dir, `${name}.db`)
    await createDatabase(programs, file, schema)
    return startOvsdbServer(programs, dir, name, [file])
  }
  const nb = await start('nb', NORTHBOUND_SCHEMA)
  const sb = await start('sb', 'usr/share/ovn/ovn-sb.ovsschema')
  const control = join(dir, 'northd.ctl')
  const [file, ...args] = programs.argv(
    'usr/bin/ovn-northd',
    `--ovnnb-db=unix:${nb.socket}`,
    `--ovnsb-db=unix:${sb.socket}`,
    `--unixctl=${control}`,
    '-vconsole:off',
  )
  const northd = spawn(file, args, { stdio: 'ignore', env: { ...process.env, OVS_RUNDIR: dir, OVN_RUNDIR: dir } })
  return {
    programs,
    northbound: { transport: 'unix', path: nb.socket },
    southbound: { transport: 'unix', path: sb.socket },
    ...{ northdPid: northd.pid ?? 0, northdControl: control },
    stop: async () => {
      const exit = once(northd, 'exit')
      northd.kill('SIGKILL')
      await exit
      await Promise.all([nb.stop(), sb.stop()])
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
