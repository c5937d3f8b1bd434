// SPDX-License-Identifier: Apache-2.0
// What the pages point to is there: links and their headings, and the files of CONTRIBUTING's table.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pages = globSync(['*.md', '{docs,examples,clients}/**/*.md'], { cwd: root })
const read = (page: string) => readFileSync(join(root, page), 'utf8')

/** As GitHub names a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')

function isThere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : relative(root, join(root, dirname(page), path))
  if (!existsSync(join(root, target))) return false
  if (anchor === undefined) return true
  return [...read(target).matchAll(/^#+ (.*)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor)
}

test('no link leads nowhere', () => {
  const dead = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^https?:/.test(link) && !isThere(page, link))
      .map((link) => `${page}: ${link}`),
  )
  expect(dead).toEqual([])
})

test('a file or heading that is not there would be found', () => {
  expect(isThere('README.md', 'docs/testing.md#what-a-run-takes')).toBe(true)
  expect(isThere('docs/README.md', '../README.md')).toBe(true)
  expect(isThere('README.md', 'docs/testing.md#what-it-does-not-say')).toBe(false)
  expect(isThere('docs/README.md', 'none.md')).toBe(false)
})

test('CONTRIBUTING names files and folders that exist', () => {
  const [, table = ''] = read('CONTRIBUTING.md').split('## Where to change what')
  const paths = [...table.matchAll(/`((?:crds|lib|operator|agents|charts|local)\/[^`]*)`/g)].map(
    ([, path = '']) => path,
  )
  expect(paths.length).toBeGreaterThan(20)
  expect(paths.filter((path) => globSync(path.replaceAll(/<[^>]+>/g, '*'), { cwd: root }).length === 0)).toEqual([])
})
