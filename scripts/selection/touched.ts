// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import type { ImportGraph } from './import-graph.ts'

/** Guests and tests with real servers see these parts through the API alone, so that no import leads from one to the other. */
export const SEEN_IN: readonly (readonly [prefix: RegExp, folders: readonly string[]])[] = [
  [/^operator\/controllers\/([a-z-]+)\//, ['e2e/$1/']],
  [/^operator\/(scheduler|ipam|network)\//, ['e2e/instance/', 'e2e/network/', 'e2e/port/']],
  [/^operator\/(bus|auth)\//, ['e2e/faults/', 'e2e/security/', 'operator/auth/']],
  [/^operator\/[^/]+$/, ['e2e/faults/', 'e2e/instance/']],
  [/^lib\/loop\//, ['e2e/faults/']],
  [/^agents\/compute\//, ['e2e/instance/', 'e2e/compute-node/', 'e2e/faults/']],
  [/^agents\/(network|metadata)\//, ['e2e/network/', 'e2e/port/', 'e2e/security-group/']],
  [/^agents\/[a-z]+\/([a-z-]+)-reconciler\.ts$/, ['e2e/$1/']],
  [/^agents\/storage\//, ['e2e/volume/', 'e2e/storage-pool/', 'e2e/faults/']],
  [/^agents\/image\//, ['e2e/image/', 'e2e/faults/']],
  [/^agents\/(runtime|node)\//, ['e2e/faults/', 'e2e/compute-node/']],
  [/^(charts|crds)\//, ['charts/', 'crds/', 'e2e/security/', 'e2e/cloud/']],
  [/^examples\//, ['e2e/examples/', 'e2e/first-machine/']],
  [/^clients\//, ['e2e/client/']],
]

/**
 * Test files that can notice a change, the nearest first: those that changed, then in turn what each changed file's importers and
 * its folders of scenarios have.
 * @param changed paths of files that changed, in the repository
 * @param tests the test files to choose from
 */
export function listTouched(
  changed: readonly string[],
  tests: readonly string[],
  graph: Pick<ImportGraph, 'listTests'>,
  root: string,
): string[] {
  const known = new Set(tests)
  const rank = new Map<string, number>()
  const note = (path: string, at: number) => rank.set(path, Math.min(at, rank.get(path) ?? Infinity))
  for (const file of changed) {
    if (known.has(file)) note(file, -1)
    const reached = file.endsWith('.ts') ? graph.listTests(join(root, file)).filter((path) => known.has(path)) : []
    for (const list of [reached, listScenarios(file, tests)]) for (const [at, path] of list.entries()) note(path, at)
  }
  return [...rank].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([path]) => path)
}

function listScenarios(file: string, tests: readonly string[]): string[] {
  if (file.endsWith('.test.ts')) return []
  // `crds/keypairs.yaml` is told by `e2e/key-pair/`.
  const kind = /^crds\/([a-z]+)s\.yaml$/.exec(file)?.[1]
  const ofKind = kind === undefined ? [] : tests.filter((path) => path.split('/')[1]?.replaceAll('-', '') === kind)
  const folders = SEEN_IN.flatMap(([prefix, found]) => {
    const match = prefix.exec(file)
    return match ? found.map((folder) => folder.replace('$1', match[1] ?? '')) : []
  })
  return [...ofKind, ...folders.flatMap((folder) => tests.filter((path) => path.startsWith(folder)))]
}
