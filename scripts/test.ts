// SPDX-License-Identifier: Apache-2.0
// `npm test [-- --lane NAME PATTERN [-t TEST]]`: sets up what the lanes need, runs them in order, and ends with one line of counts.
// Without a lane, a pattern or --full it takes a part of the slow files. Lanes, budgets and what is taken: docs/testing.md.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  count,
  judgeSkips,
  toFileResults,
  toResults,
  type JestReport,
  type LaneName,
  type SkipRule,
  type TestFileResult,
  type TestResult,
} from './selection/lanes.ts'
import { countGuestStarts } from '../local/commands/guest-starts.ts'
import { chooseHere } from '../local/kind/choice.ts'
import { CLUSTER_PROGRAMS, type ProgramName } from '../local/build/programs.ts'
import type { TestPrerequisite } from '../local/host/prerequisites.ts'
import { keepResults, PARTED, selectFiles } from './selection/selection.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lane: { type: 'string', multiple: true },
    /** Of the files only the tests whose names match. */
    test: { type: 'string', short: 't' },
    full: { type: 'boolean', default: false },
    /** Leaves the cloud of the e2e and chaos lanes up, for the next run and for a look at it. */
    keep: { type: 'boolean', default: false },
    /** Says which slow files a run would take, and runs nothing. */
    list: { type: 'boolean', default: false },
  },
})
const lanes = (values.lane ?? ['checks', 'unit', 'integration', 'e2e', 'chaos', 'cluster']) as LaneName[]
const isNamed = values.lane !== undefined || positionals.length > 0
const selection = values.full || isNamed ? undefined : selectFiles(root)
const fileResults: TestFileResult[] = []
const skipRules = JSON.parse(readFileSync(join(root, 'scripts/skips.json'), 'utf8')) as SkipRule[]

function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const [file = '', ...args] = argv
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
    child.on('error', () => resolve(127))
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

async function runChecks(): Promise<TestResult[]> {
  const bin = (name: string) => join(root, 'node_modules/.bin', name)
  const checks: [string, string[]][] = [
    ['types', [bin('tsc'), '--noEmit']],
    ['types of the console page', [bin('tsc'), '--noEmit', '-p', 'console/page']],
    ['lint', [bin('eslint'), '.']],
    ['nothing is dead', [bin('knip'), '--no-progress']],
    ['format', [bin('prettier'), '--check', '--log-level=warn', '.']],
    ['generated files are fresh', [process.execPath, 'scripts/verify.ts']],
    ['kind takes its configuration', ['go', '-C', 'e2e/kind-config', 'run', '.', '../kind.yaml']],
  ]
  const results: TestResult[] = []
  for (const [name, argv] of checks) {
    const status = (await run(argv)) === 0 ? 'passed' : 'failed'
    console.log(`${status === 'passed' ? 'ok  ' : 'FAIL'} ${name}`)
    results.push({ name, status })
  }
  return results
}

/** Of a lane of which a part runs, that; of any other, what the command line says. */
function patternsOf(lane: LaneName): string[] {
  if (!selection || !PARTED.includes(lane)) return positionals
  return ['--passWithNoTests', '--runTestsByPath', ...selection.files.keys()]
}

async function runJest(lane: LaneName): Promise<TestResult[]> {
  const dir = mkdtempSync(join(tmpdir(), 'nephele-test-'))
  const report = join(dir, 'report.json')
  try {
    // A failed test may leave a connection open: with real servers the runner ends all the same, red as it is.
    const argv = ['node_modules/jest/bin/jest.js', '--selectProjects', lane, '--json', '--outputFile', report]
    argv.push(
      ...(lane === 'unit' ? ['--maxWorkers=2'] : ['--runInBand', '--verbose', '--forceExit']),
      ...patternsOf(lane),
      ...(values.test === undefined ? [] : ['--testNamePattern', values.test]),
    )
    const env = { NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' }
    const code = await run([process.execPath, ...argv], { ...env, ...(values.full ? { NEPHELE_TEST_FULL: '1' } : {}) })
    const read = JSON.parse(readFileSync(report, 'utf8')) as JestReport
    if (PARTED.includes(lane)) fileResults.push(...toFileResults(read, root))
    const results = toResults(read)
    // A runner that broke without a failed test (a leak, a crash in teardown) must not look green.
    if (code !== 0 && !results.some((r) => r.status === 'failed'))
      results.push({ name: `${lane}: jest`, status: 'failed' })
    return results
  } catch (error) {
    console.error(`lane ${lane}: no report from jest:`, error)
    return [{ name: `${lane}: jest`, status: 'failed' }]
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The lane has a cloud of its own, so that it disturbs none that is in use; one of its nodes has DPDK, where tests ask for it. */
async function runOnCloud(lane: LaneName): Promise<TestResult[]> {
  const name = process.env['NEPHELE_E2E_CLOUD'] ?? 'e2e'
  const cloud = async (command: string, ...options: string[]): Promise<TestResult> => {
    const code = await run([process.execPath, 'local/main.ts', '--name', name, command, ...options])
    return { name: `${lane}: cloud ${command}`, status: code === 0 ? 'passed' : 'failed' }
  }
  const up = await cloud('up', '--dpdk-nodes', '1')
  if (up.status === 'failed') return [up]
  const results = [up, ...(await runJest(lane))]
  console.log(`${countGuestStarts(name)} guests started`)
  return values.keep ? results : [...results, await cloud('down')]
}

function runLane(lane: LaneName): Promise<TestResult[]> {
  switch (lane) {
    case 'checks':
      return runChecks()
    case 'e2e':
    case 'chaos':
      return runOnCloud(lane)
    case 'unit':
    case 'integration':
    case 'cluster':
      return runJest(lane)
  }
}

/** What a lane runs besides the programs of a local cloud. */
const PROGRAMS_OF: Partial<Record<LaneName, readonly (ProgramName | TestPrerequisite)[]>> = {
  integration: ['kubectl', 'helm', 'gitops', 'promtool', 'promql', 'browser'],
  e2e: ['kubectl', 'browser'],
  chaos: ['kubectl', 'etcdctl', 'etcdutl'],
  cluster: CLUSTER_PROGRAMS,
}
/** There the cluster is in containers, and so are the builds. */
const PROGRAMS_ON_KIND: readonly ProgramName[] = ['kubectl', 'helm']

/** Tests have deadlines that no build fits into: what they need is built before. */
async function prepare(): Promise<TestResult[]> {
  const onKind = lanes.includes('cluster') && (await chooseHere()).on === 'kind'
  // It builds these itself, and needs neither root nor Debian for anything.
  if (lanes.every((lane) => lane === 'checks' || lane === 'unit' || (lane === 'cluster' && onKind))) return []
  const programs = new Set(
    lanes.flatMap((lane) => (lane === 'cluster' && onKind ? PROGRAMS_ON_KIND : (PROGRAMS_OF[lane] ?? []))),
  )
  const code = await run([process.execPath, 'local/cloud/prepare.ts', ...programs])
  return [{ name: 'setting up what the lanes need', status: code === 0 ? 'passed' : 'failed' }]
}

for (const line of selection?.lines ?? []) console.log(line)
if (values.list) {
  for (const [path, cause] of selection?.files ?? []) console.log(`${cause.padEnd(8)}${path}`)
  process.exit()
}
const all: TestResult[] = await prepare()
for (const lane of lanes) {
  const started = Date.now()
  console.log(`\n== lane ${lane}`)
  const ran = await runLane(lane)
  // Those that were not asked for are no skips.
  const results = values.test === undefined ? judgeSkips(ran, skipRules) : ran.filter((r) => r.status !== 'skipped')
  all.push(...results)
  const { passed, failed, skipped } = count(results)
  const minutes = ((Date.now() - started) / 60_000).toFixed(1)
  console.log(`lane ${lane}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${minutes} min`)
}
keepResults(root, fileResults, values.full && !isNamed)
for (const { name } of all.filter((r) => r.status === 'failed')) console.log(`failed: ${name}`)
for (const { name } of all.filter((r) => r.status === 'skipped')) console.log(`skipped: ${name}`)
const { passed, failed, skipped } = count(all)
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
