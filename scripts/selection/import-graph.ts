// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** More than any chain of imports is long. */
const FAR = 1000

/** Who imports a file, directly or through others: which tests can notice a change in it. */
export class ImportGraph {
  readonly #importers = new Map<string, Set<string>>()
  readonly #root: string

  /** Reads every TypeScript file below the folders. @param root what the answers are relative to */
  constructor(root: string, folders: readonly string[]) {
    this.#root = root
    for (const folder of folders) this.#scan(join(root, folder))
  }

  /**
   * Test files that reach the file, the nearest first: its own, those of its folder, then by the length of the chain of imports.
   * @param file absolute
   */
  listTests(file: string): string[] {
    const distance = new Map([[file, 0]])
    const queue = [file]
    for (const next of queue) {
      for (const importer of this.#importers.get(next) ?? []) {
        if (distance.has(importer)) continue
        distance.set(importer, (distance.get(next) ?? 0) + 1)
        queue.push(importer)
      }
    }
    const own = file.replace(/\.ts$/, '.')
    const rank = (test: string) =>
      (distance.get(test) ?? 0) - (test.startsWith(own) ? FAR : 0) - (dirname(test) === dirname(file) ? FAR : 0)
    return queue
      .filter((path) => path.endsWith('.test.ts'))
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
      .map((path) => relative(this.#root, path))
  }

  #scan(folder: string): void {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name)
      if (statSync(path).isDirectory()) this.#scan(path)
      else if (name.endsWith('.ts')) this.#read(path)
    }
  }

  #read(path: string): void {
    for (const [, specifier = ''] of readFileSync(path, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const target = resolve(dirname(path), specifier)
      const importers = this.#importers.get(target) ?? new Set<string>()
      this.#importers.set(target, importers.add(path))
    }
  }
}
