// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ImportGraph } from './import-graph.ts'
import type { LaneName, TestFileResult } from './lanes.ts'
import { choose, type Cause, type Limits } from './choose.ts'
import { makeLedger, secondsOf, stillFailed, type Ledger } from './ledger.ts'
import { listTouched } from './touched.ts'

/** The lanes of which a run takes a part. */
export const PARTED: readonly LaneName[] = ['integration', 'e2e', 'chaos']
/** From the first machine to its deletion, one kill of each process drawn, and what two operators may never do. */
export const CORE: readonly string[] = [
  'e2e/first-machine/first-machine.test.ts',
  'e2e/flow/provision.test.ts',
  'e2e/instance/delete.test.ts',
  'e2e/faults/kill.test.ts',
  'operator/leadership/operator.integration.test.ts',
]
const LIMITS: Limits = { touched: 10 * 60, shard: 11 * 60 }
const CODE = ['lib', 'operator', 'agents', 'local', 'crds', 'charts', 'e2e']
const LEDGER = 'scripts/selection/ledger.json'
const FAILED = 'node_modules/.cache/nephele/failed.json'

export interface Selection {
  files: ReadonlyMap<string, Cause>
  /** How it was chosen, for people. */
  lines: readonly string[]
}

/** @param root of the repository */
export function selectFiles(root: string): Selection {
  const ledger = readJson<Ledger>(join(root, LEDGER), { commit: '', seconds: {}, failed: [] })
  const tests = listTests(root)
  const changed = listChanged(root, ledger.commit)
  const turn = Number(git(root, ['rev-list', '--count', 'HEAD']) ?? 0)
  const graph = new ImportGraph(root, CODE)
  const { files, shard, leftOut } = choose({
    seconds: secondsOf(tests, ledger),
    core: CORE,
    failed: [...ledger.failed, ...readJson<string[]>(join(root, FAILED), [])],
    touched: listTouched(changed ?? [], tests, graph, root),
    turn,
    limits: LIMITS,
  })
  const count = (cause: Cause) => [...files.values()].filter((c) => c === cause).length
  return {
    files,
    lines: [
      `${files.size} of ${tests.length} files with real servers or guests (npm run test:full takes all):`,
      `  ${count('core')} of the core, ${count('failed')} that failed before, ${count('touched')} that ` +
        (changed
          ? `the ${changed.length} files changed since ${ledger.commit.slice(0, 12)} touch (${leftOut.length} more in other shards)`
          : `changes touch: unknown, since git knows no commit ${JSON.stringify(ledger.commit)}`),
      `  ${count('shard')} more of shard ${shard.index + 1} of ${shard.of}, by the commit's number ${turn}`,
    ],
  }
}

/** What this run learnt: for the next one here, and of a whole run for everybody. */
export function keepResults(root: string, results: readonly TestFileResult[], isWhole: boolean): void {
  const failed = stillFailed(readJson<string[]>(join(root, FAILED), []), results)
  mkdirSync(dirname(join(root, FAILED)), { recursive: true })
  writeFileSync(join(root, FAILED), JSON.stringify(failed))
  if (!isWhole) return
  const ledger = makeLedger(git(root, ['rev-parse', 'HEAD']) ?? '', results)
  writeFileSync(join(root, LEDGER), `${JSON.stringify(ledger, null, 2)}\n`)
}

export function listTests(root: string): string[] {
  const argv = ['node_modules/jest/bin/jest.js', '--listTests', '--json', '--selectProjects', ...PARTED]
  const printed = execFileSync(process.execPath, argv, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const paths = JSON.parse(printed.slice(printed.indexOf('['))) as string[]
  return paths.map((path) => path.slice(root.length + 1)).sort()
}

/** Since a commit, with what is not committed; undefined where git does not know it. */
function listChanged(root: string, commit: string): string[] | undefined {
  if (commit === '') return undefined
  const tracked = git(root, ['diff', '--name-only', commit])
  const others = git(root, ['ls-files', '--others', '--exclude-standard'])
  return tracked === undefined ? undefined : [...tracked.split('\n'), ...(others ?? '').split('\n')].filter(Boolean)
}

/** Undefined when there is no git, or it refuses. */
function git(root: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

function readJson<T>(path: string, absent: T): T {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : absent
}
