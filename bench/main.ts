// SPDX-License-Identifier: Apache-2.0
// `npm run bench -- NAME`: prints a table and, for each figure, one JSON line. A missed target ends it with 1.
import { readdirSync } from 'node:fs'
import { toTable, type Figure } from './harness/figure.ts'

/** A bench is a file `NAME.bench.ts` beside this one that exports `run`. */
interface Bench {
  /** What is measured, and against what, in one sentence. */
  about: string
  run(args: readonly string[]): Promise<Figure[]>
}

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length))
const [name, ...args] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME\nbenchmarks: ${names.join(', ')}`)
  process.exitCode = 2
} else {
  const bench = (await import(`./${name}.bench.ts`)) as Bench
  console.log(bench.about)
  const figures = await bench.run(args)
  console.log(`\n${toTable(figures)}\n`)
  for (const figure of figures) console.log(JSON.stringify(figure))
  if (figures.some((f) => f.pass === false)) process.exitCode = 1
}
