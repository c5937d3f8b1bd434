// SPDX-License-Identifier: Apache-2.0
// What the layout of docs/architecture.md promises of all sources: imports go one way, in no circle, and files stay small.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const FOLDERS = ['crds', 'lib', 'operator', 'agents', 'local', 'scripts', 'bench', 'examples'] as const

/** What the modules of a process may import; who is not named here only starts and tests them. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  crds: ['crds'],
  lib: ['lib', 'crds'],
  operator: ['operator', 'lib', 'crds'],
  agents: ['agents', 'lib', 'crds'],
}

interface Module {
  path: string
  lines: number
  /** Paths of our own modules, those that are needed at run time apart. */
  imports: readonly string[]
  needs: readonly string[]
}

/** Tests and what only they use: may reach everywhere, and nothing else may reach them. */
function isTestSupport(path: string): boolean {
  return /\.test\.ts$|\/(testing|suite)\/|\/(testing|contract-suite)\.ts$|\/(test|fake)-[^/]+\.ts$|drivers\/contract\.ts$/.test(
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
  }
}

const modules = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readModule(join(folder, name))),
)
const sources = modules.filter(({ path }) => !isTestSupport(path))

function listViolations(all: readonly Module[]): string[] {
  return all.flatMap(({ path, imports }) => {
    const allowed = MAY_IMPORT[path.split('/')[0] ?? '']
    if (!allowed) return []
    return imports
      .filter((target) => !allowed.includes(target.split('/')[0] ?? '') || isTestSupport(target))
      .map((target) => `${path} imports ${target}`)
  })
}

/** One circle for each module that closes one, as the way around it. */
function listCircles(all: readonly Module[]): string[] {
  const needs = new Map(all.map((module) => [module.path, module.needs]))
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path)
    if (at >= 0) circles.push([...way.slice(at), path].join(' > '))
    if (at >= 0 || done.has(path)) return
    for (const next of needs.get(path) ?? []) walk(next, [...way, path])
    done.add(path)
  }
  for (const { path } of all) walk(path, [])
  return circles
}

function fake(path: string, needs: string[]): Module {
  return { path, lines: 1, imports: needs, needs }
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
  ])('%s must not import %s', (path, target) => {
    expect(listViolations([fake(path, [target])])).toHaveLength(1)
  })
  test('need each other in no circle', () => {
    expect(listCircles(sources)).toEqual([])
  })
  test('a circle would be found', () => {
    const circle = [fake('lib/a.ts', ['lib/b.ts']), fake('lib/b.ts', ['lib/c.ts']), fake('lib/c.ts', ['lib/b.ts'])]
    expect(listCircles(circle)).toEqual(['lib/b.ts > lib/c.ts > lib/b.ts'])
  })
  test('are all understood: each names a file that exists', () => {
    const known = new Set(modules.map(({ path }) => path))
    const outside = modules.flatMap(({ path, imports }) =>
      imports
        .filter((target) => target.endsWith('.ts') && !known.has(target) && !/^(charts|e2e)\//.test(target))
        .map((target) => `${path}: ${target}`),
    )
    expect(outside).toEqual([])
    expect(modules.reduce((sum, { imports }) => sum + imports.length, 0)).toBeGreaterThan(1000)
  })
})

describe('sizes', () => {
  const written = sources.filter(({ path }) => !path.startsWith('crds/generated/'))
  test('nine of ten files have at most 260 lines, and none more than 600', () => {
    const sizes = written.map(({ lines }) => lines).sort((a, b) => a - b)
    expect(sizes[Math.floor(sizes.length * 0.9)]).toBeLessThanOrEqual(260)
    expect(written.filter(({ lines }) => lines > 600).map(({ path }) => path)).toEqual([])
  })
})
