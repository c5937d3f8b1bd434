// SPDX-License-Identifier: Apache-2.0
// What the layout of docs/architecture.md promises of all sources: imports go one way, in no circle, and files stay small.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const FOLDERS = [
  ...[
    'crds',
    'lib',
    'operator',
    'agents',
    'gateway',
    'console',
    'cli',
    'clients',
    'local',
    'scripts',
    'bench',
    'examples',
    'e2e',
  ],
].filter((folder) => existsSync(join(root, folder)))

/** Whose folders need each other in no circle, not even by `import type`; files do nowhere. */
const ONE_WAY_FOLDERS: readonly string[] = [
  'crds',
  'lib',
  'operator',
  'agents',
  'console',
  'cli',
  'local',
  'scripts',
  'bench',
  'e2e',
]
/** They start a process, and no module imports them: each counts as a folder of its own. */
const STARTED: readonly string[] = ['operator/main.ts', 'scripts/test.ts']
/** By file: folders that it may reach for although they need the folder that it is in. */
const MAY_REACH_BACK: readonly { file: string; folders: RegExp; why: string }[] = [
  {
    file: 'operator/kinds.ts',
    folders: /^operator\/(kind|controllers\/[a-z-]+)$/,
    why: 'the one list: it names the row of each kind, which stands with the kind, and kind/ makes all from the list',
  },
  {
    file: 'operator/controllers/common/deps.ts',
    folders: /^operator\/controllers\/(instance|network|volume)$/,
    why: 'what one kind keeps for as long as we lead is made once, and so handed to all: UserDataStore, SegmentPromises, VolumePromises',
  },
  {
    file: 'operator/controllers/port/owners-choice.ts',
    folders: /^operator\/controllers\/instance$/,
    why: 'a Port that its machine made has what the machine’s interface says; else machines need Ports, not Ports machines',
  },
  {
    file: 'operator/controllers/port/wakes.ts',
    folders: /^operator\/controllers\/instance$/,
    why: 'a machine wakes the Ports that it names, by the reference in its row',
  },
]

/** What the modules of a process, or of a folder in it, may import; who is not named here only starts and tests them. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  crds: ['crds'],
  lib: ['lib', 'crds'],
  operator: ['operator', 'lib', 'crds'],
  // It stands where an agent does (docs/decisions/0034): it knows documents and reports, and no controller.
  'operator/hypervisors': ['operator/hypervisors', 'operator/bus', 'lib', 'crds'],
  agents: ['agents', 'lib', 'crds'],
  gateway: ['gateway', 'lib', 'crds'],
  // What strangers may dial: the smaller the better.
  console: ['console', 'lib', 'crds'],
  cli: ['cli', 'lib', 'crds'],
  // What strangers install, without the rest of the repository.
  clients: ['clients'],
}
/** Packages that only these folders may import. What is amiss with the first: docs/decisions/0001. */
const USED_BY: Readonly<Record<string, readonly string[]>> = {
  'kubernetes-fluent-client': ['clients'],
  '@nephele/client': ['clients'],
}
/** Folders that only these modules outside of them may import. */
const MADE_BY: Readonly<Record<string, readonly string[]>> = {
  'operator/hypervisors': ['operator/main.ts', 'operator/leadership/leadership.ts'],
}

interface Module {
  path: string
  lines: number
  /** Paths of our own modules, those that are needed at run time apart. */
  imports: readonly string[]
  needs: readonly string[]
  packages: readonly string[]
}

/** Tests and what only they use: may reach everywhere, and nothing else may reach them. The agent itself offers the fake machines. */
function isTestSupport(path: string): boolean {
  return /\.test\.ts$|\/(testing|suite)\/|\/(testing|contract-suite)\.ts$|\/(test|fake(?!-instance-driver))-[^/]+\.ts$/.test(
    path,
  )
}

function readModule(path: string): Module {
  const text = readFileSync(join(root, path), 'utf8')
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?'(\.[^']+)'/gm)]
  const imports = found.map(([, type, target = '']) => ({
    target: relative(root, join(root, dirname(path), target)),
    isType: type !== undefined,
  }))
  return {
    path,
    lines: text.split('\n').length - 1,
    imports: imports.map(({ target }) => target),
    needs: imports.flatMap(({ target, isType }) => (isType ? [] : [target])),
    packages: [...text.matchAll(/^(?:import|export|\}).*?'([^.'][^']*)'$/gm)].map(([, name = '']) => name),
  }
}

const modules = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readModule(join(folder, name))),
)
const sources = modules.filter(({ path }) => !isTestSupport(path))

const isBelow = (folder: string) => (path: string) => path.startsWith(`${folder}/`)

/** The innermost folder that has a rule decides. */
function findRule(path: string): readonly string[] | undefined {
  const folders = Object.keys(MAY_IMPORT).filter((folder) => isBelow(folder)(path))
  return MAY_IMPORT[folders.sort((a, b) => b.length - a.length)[0] ?? '']
}

function isKept(path: string, target: string): boolean {
  return Object.entries(MADE_BY).some(
    ([folder, makers]) => isBelow(folder)(target) && !isBelow(folder)(path) && !makers.includes(path),
  )
}

function listViolations(all: readonly Module[]): string[] {
  return all.flatMap(({ path, imports }) => {
    const allowed = findRule(path)
    if (!allowed) return []
    return imports
      .filter(
        (target) => !allowed.some((folder) => isBelow(folder)(target)) || isTestSupport(target) || isKept(path, target),
      )
      .map((target) => `${path} imports ${target}`)
  })
}

/** Tests count: one that leans on such a package would say nothing of what the processes do. */
function listStrangers(all: readonly Module[]): string[] {
  return all.flatMap(({ path, packages }) =>
    packages
      .filter((name) => USED_BY[name]?.every((folder) => !isBelow(folder)(path)))
      .map((name) => `${path} imports ${name}`),
  )
}

type Needs = ReadonlyMap<string, readonly string[]>

function needsAtRunTime(all: readonly Module[]): Needs {
  return new Map(all.map(({ path, needs }) => [path, needs]))
}

/** Types counted. */
function needsOfFiles(all: readonly Module[]): Needs {
  return new Map(all.map(({ path, imports }) => [path, imports]))
}

function folderOf(path: string): string {
  return STARTED.includes(path) ? path : dirname(path)
}

/** The same by folder: who sits in one may need who sits in another only one way. */
function needsOfFolders(all: readonly Module[], reachBack = MAY_REACH_BACK): Needs {
  const needs = new Map<string, string[]>()
  for (const { path, imports } of all) {
    if (!ONE_WAY_FOLDERS.includes(path.split('/')[0] ?? '')) continue
    const folder = folderOf(path)
    const mayReachBack = reachBack.find(({ file }) => file === path)
    const others = imports.map(folderOf).filter((other) => other !== folder && !mayReachBack?.folders.test(other))
    needs.set(folder, [...(needs.get(folder) ?? []), ...others])
  }
  return needs
}

/** One circle for each module or folder that closes one, as the way around it. */
function listCircles(needs: Needs): string[] {
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path)
    if (at >= 0) circles.push([...way.slice(at), path].join(' > '))
    if (at >= 0 || done.has(path)) return
    for (const next of needs.get(path) ?? []) walk(next, [...way, path])
    done.add(path)
  }
  for (const path of needs.keys()) walk(path, [])
  return circles
}

function fake(path: string, imports: string[], needs = imports): Module {
  return { path, lines: 1, imports, needs, packages: [] }
}

describe('imports', () => {
  test('go one way: operator and agents to lib, lib to crds', () => {
    expect(listViolations(sources)).toEqual([])
  })
  test.each([
    ['lib/a.ts', 'operator/b.ts'],
    ['lib/a.ts', 'local/b.ts'],
    ['operator/a.ts', 'agents/b.ts'],
    ['agents/a.ts', 'operator/b.ts'],
    ['agents/a.ts', 'lib/nats/test-server.ts'],
    ['operator/a.ts', 'operator/testing/b.ts'],
    ['crds/a.ts', 'lib/b.ts'],
    ['operator/hypervisors/kubevirt/a.ts', 'operator/controllers/instance/b.ts'],
    ['operator/hypervisors/kubevirt/a.ts', 'operator/leadership/leadership.ts'],
    ['operator/hypervisors/kubevirt/a.ts', 'agents/compute/b.ts'],
    ['operator/controllers/instance/a.ts', 'operator/hypervisors/kubevirt/b.ts'],
    ['operator/bus/a.ts', 'operator/hypervisors/kubevirt/b.ts'],
    ['gateway/a.ts', 'operator/b.ts'],
    ['gateway/a.ts', 'agents/b.ts'],
    ['operator/a.ts', 'gateway/b.ts'],
    ['agents/a.ts', 'gateway/b.ts'],
    ['lib/a.ts', 'gateway/b.ts'],
    ['clients/typescript/examples/a.ts', 'lib/b.ts'],
  ])('%s must not import %s', (path, target) => {
    expect(listViolations([fake(path, [target])])).toHaveLength(1)
  })
  test.each([
    ['operator/leadership/leadership.ts', 'operator/hypervisors/kubevirt/a.ts'],
    ['operator/main.ts', 'operator/hypervisors/kubevirt/a.ts'],
    ['operator/hypervisors/kubevirt/a.ts', 'operator/hypervisors/b.ts'],
    ['operator/hypervisors/kubevirt/a.ts', 'operator/bus/bus.ts'],
    ['operator/hypervisors/kubevirt/a.ts', 'lib/contract/documents.ts'],
    ['gateway/a.ts', 'lib/kube/client.ts'],
    ['gateway/a.ts', 'crds/generated/b.ts'],
  ])('%s may import %s', (path, target) => {
    expect(listViolations([fake(path, [target])])).toEqual([])
  })
  test.each(Object.entries(USED_BY))('of %s are in %s alone', (name, folders) => {
    expect(listStrangers(modules)).toEqual([])
    const paths = [...folders, 'operator', 'agents', 'lib', 'e2e'].map((folder) => `${folder}/a.ts`)
    const strangers = listStrangers(paths.map((path) => ({ ...fake(path, []), packages: [name] })))
    expect(strangers).toEqual(paths.slice(folders.length).map((path) => `${path} imports ${name}`))
    expect(modules.some(({ packages }) => packages.includes(name))).toBe(true)
  })
  test('need each other in no circle', () => {
    expect(listCircles(needsAtRunTime(sources))).toEqual([])
  })
  test.each([
    ['files', needsOfFiles],
    ['folders', needsOfFolders],
  ])('%s need each other in no circle, types counted', (_, needsOf) => {
    expect(listCircles(needsOf(sources))).toEqual([])
  })
  test.each(MAY_REACH_BACK)('of $file reach back, which is still needed', (row) => {
    const others = MAY_REACH_BACK.filter((other) => other !== row)
    expect(listCircles(needsOfFolders(sources, others))).not.toEqual([])
  })
  test('of what starts a process are none', () => {
    expect(modules.filter(({ imports }) => imports.some((target) => STARTED.includes(target)))).toEqual([])
    expect(STARTED.filter((path) => !modules.some((module) => module.path === path))).toEqual([])
  })
  test('a circle would be found', () => {
    const circle = [fake('lib/a.ts', ['lib/b.ts']), fake('lib/b.ts', ['lib/c.ts']), fake('lib/c.ts', ['lib/b.ts'])]
    expect(listCircles(needsAtRunTime(circle))).toEqual(['lib/b.ts > lib/c.ts > lib/b.ts'])
  })
  test('a circle of types would be found, of files and of folders', () => {
    const types = [fake('lib/a.ts', ['lib/b.ts'], []), fake('lib/b.ts', ['lib/a.ts'], [])]
    expect(listCircles(needsAtRunTime(types))).toEqual([])
    expect(listCircles(needsOfFiles(types))).toEqual(['lib/a.ts > lib/b.ts > lib/a.ts'])
    const folders = [fake('lib/a/x.ts', ['lib/b/x.ts'], []), fake('lib/b/y.ts', ['lib/a/y.ts'], [])]
    expect(listCircles(needsOfFiles(folders))).toEqual([])
    expect(listCircles(needsOfFolders(folders))).toEqual(['lib/a > lib/b > lib/a'])
  })
  test('are all understood: each names a file that exists', () => {
    const known = new Set(modules.map(({ path }) => path))
    const outside = modules.flatMap(({ path, imports }) =>
      imports
        .filter((target) => target.endsWith('.ts') && !known.has(target) && !target.startsWith('charts/'))
        .map((target) => `${path}: ${target}`),
    )
    expect(outside).toEqual([])
    expect(modules.reduce((sum, { imports }) => sum + imports.length, 0)).toBeGreaterThan(1000)
  })
})

describe('sizes', () => {
  const written = sources.filter(({ path }) => !path.startsWith('crds/generated/') && !path.endsWith('.d.ts'))
  test('nine of ten files have at most 260 lines, and none more than 600', () => {
    const sizes = written.map(({ lines }) => lines).sort((a, b) => a - b)
    expect(sizes[Math.floor(sizes.length * 0.9)]).toBeLessThanOrEqual(260)
    expect(written.filter(({ lines }) => lines > 600).map(({ path }) => path)).toEqual([])
  })
})
