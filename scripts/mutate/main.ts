// SPDX-License-Identifier: Apache-2.0
// `npm run mutate -- PATH... [--count N | --each N] [--seed S] [--near] [--integration] [--line FILE:LINE]`: makes one small mistake at a time in the files below
// PATH and says which ones no test notices. How to read it: docs/testing.md.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { draw } from '../../e2e/harness/draw.ts'
import { listMutants, type Mutant } from './mutants.ts'
import { ImportGraph } from '../selection/import-graph.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Of all mutants below the paths; the seed that is printed draws them again. */
    count: { type: 'string', default: '40' },
    /** In place of `count`: so many of each file. */
    each: { type: 'string' },
    seed: { type: 'string' },
    /** Only the unit tests nearest to each file: quick, for whoever writes them. */
    near: { type: 'boolean', default: false },
    /** Also runs the tests with real servers on what unit tests do not notice. */
    integration: { type: 'boolean', default: false },
    /** Only the mutants of one line: `lib/loop/queue.ts:140`. */
    line: { type: 'string' },
    /** Seconds for one run of tests; one that takes longer has noticed. */
    timeout: { type: 'string', default: '120' },
  },
})

type Case = Mutant & { file: string }
type Verdict = 'unit' | 'integration' | 'survived'

function listFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path).flatMap((name) => listFiles(join(path, name)))
}

/** Code of the product: neither tests nor what only they use. */
function isProduct(path: string): boolean {
  return path.endsWith('.ts') && !/\.test\.ts$|\/testing\/|\/fake-|\/generated\/|\/test-|\/memory-/.test(path)
}

function listCases(): Case[] {
  const [lineFile, line] = values.line?.split(':') ?? []
  const paths = lineFile === undefined ? positionals : [lineFile]
  return paths
    .flatMap((path) => listFiles(resolve(root, path)))
    .filter(isProduct)
    .flatMap((file) => listMutants(file, readFileSync(file, 'utf8')).map((mutant) => ({ ...mutant, file })))
    .filter((mutant) => line === undefined || mutant.line === Number(line))
}

/** True when a test failed, or the run did not end in time. */
function isNoticed(
  mutant: Case | undefined,
  project: 'unit' | 'integration',
  tests: readonly string[],
): Promise<boolean> {
  const argv = [
    'node_modules/jest/bin/jest.js',
    '--config',
    'scripts/mutate/jest.config.mjs',
    '--selectProjects',
    project,
  ]
  argv.push('--bail', '--silent', '--forceExit', '--runInBand', '--runTestsByPath', ...tests)
  const env = {
    ...process.env,
    NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
    NEPHELE_MUTANT: JSON.stringify(mutant ?? null),
  }
  return new Promise((done) => {
    const child = spawn(process.execPath, argv, { cwd: root, env, stdio: 'ignore', detached: true })
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), Number(values.timeout) * 1000)
    child.on('exit', (code) => {
      clearTimeout(timer)
      done(code !== 0)
    })
  })
}

function listUnitTests(tests: readonly string[]): string[] {
  return tests.filter((test) => !test.endsWith('.integration.test.ts'))
}

async function judge(mutant: Case, graph: ImportGraph): Promise<Verdict> {
  const tests = graph.listTests(mutant.file)
  const unit = listUnitTests(tests)
  const [near, far] = [unit.slice(0, NEAR), values.near ? [] : unit.slice(NEAR)]
  if (near.length > 0 && (await isNoticed(mutant, 'unit', near))) return 'unit'
  if (far.length > 0 && (await isNoticed(mutant, 'unit', far))) return 'unit'
  const real = values.integration ? tests.filter((test) => test.endsWith('.integration.test.ts')) : []
  for (const test of real) if (await isNoticed(mutant, 'integration', [test])) return 'integration'
  return 'survived'
}

/** So many of each file, by one seed. */
function drawOfEach(count: number): { title: string; cases: readonly Case[] } {
  const seed = values.seed ?? String(randomInt(1_000_000))
  const files = Map.groupBy(all, ({ file }) => file)
  const cases = [...files.values()].flatMap((some) => draw(some, count, { NEPHELE_TEST_SEED: seed }).cases)
  return { title: `${count} of each of ${files.size} files, ${cases.length} of ${all.length}, seed ${seed}`, cases }
}

/** Most mutants are noticed by the tests beside them. */
const NEAR = 3

const all = listCases()
if (all.length === 0) throw new Error('nothing to change: name files or folders, such as lib/loop')
const env = { ...process.env, ...(values.seed === undefined ? {} : { NEPHELE_TEST_SEED: values.seed }) }
const { title, cases } =
  values.each === undefined
    ? draw(all, values.line === undefined ? Number(values.count) : all.length, env)
    : drawOfEach(Number(values.each))
console.log(`mutants: ${title}`)
const graph = new ImportGraph(root, ['lib', 'operator', 'agents', 'local', 'crds', 'charts', 'bench', 'scripts'])
for (const file of new Set(cases.map((mutant) => mutant.file))) {
  const near = listUnitTests(graph.listTests(file)).slice(0, NEAR)
  // What fails without a mutant would notice everything.
  if (near.length > 0 && (await isNoticed(undefined, 'unit', near)))
    throw new Error(`tests of ${relative(root, file)} fail as it stands: ${near.join(', ')}`)
}
const counts: Record<Verdict, number> = { unit: 0, integration: 0, survived: 0 }
for (const [index, mutant] of cases.entries()) {
  const verdict = await judge(mutant, graph)
  counts[verdict]++
  const where = `${relative(root, mutant.file)}:${mutant.line}`
  const change = `${mutant.kind}: ${mutant.original}  ->  ${mutant.kind === 'order' ? '(swapped)' : mutant.replacement}`
  console.log(`${String(index + 1).padStart(4)} ${verdict.padEnd(11)} ${where}  ${change}`)
}
const noticed = counts.unit + counts.integration
console.log(
  `${noticed} of ${cases.length} noticed (${Math.round((100 * noticed) / cases.length)} %): ${counts.unit} by unit, ${counts.integration} by integration tests`,
)
