// SPDX-License-Identifier: Apache-2.0
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import { ALL_FILTERS, DEFAULT_FILTERS } from '../filters/all.ts'
import type { Filter, RowFilter } from '../filters/filter.ts'
import { DEFAULT_SETTINGS, type FilterSettings } from '../filters/settings.ts'
import { policyOf, type Policy } from '../policy.ts'
import { ALL_WEIGHERS, DEFAULT_WEIGHERS } from '../weighers/all.ts'
import type { RowWeigher, Weigher } from '../weighers/weigher.ts'
import { compileExpression, firstLineOf, type Evaluate } from './expression.ts'
import { toVariables } from './variables.ts'

type Spec = SchedulerProfile['spec']
export type Compiled = { ok: true; policy: Policy } | { ok: false; field: string; why: string }

/** Thrown and caught here. */
class Broken extends Error {
  readonly field: string
  constructor(field: string, why: string) {
    super(why)
    this.field = field
  }
}

/** What a profile comes to. The first expression that is broken makes all of it so. Pure. */
export function compileProfile(spec: Spec): Compiled {
  try {
    const custom = (spec.customFilters ?? []).map(toFilter)
    const weighers = [...chooseWeighers(spec.weighers), ...(spec.customWeighers ?? []).map(toWeigher)]
    return { ok: true, policy: policyOf(chooseFilters(spec.filters), weighers, settingsIn(spec), custom) }
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    return { ok: false, field: error.field, why: error.message }
  }
}

function chooseFilters(names: Spec['filters']): readonly Filter[] {
  if (!names) return DEFAULT_FILTERS
  return names.map((name, i) => get(ALL_FILTERS, name, `spec.filters[${i}]`))
}

function chooseWeighers(asked: Spec['weighers']): readonly Weigher[] {
  if (!asked) return DEFAULT_WEIGHERS
  return asked.map(({ name, multiplier }, i) => {
    const weigher = get(ALL_WEIGHERS, name, `spec.weighers[${i}].name`)
    return multiplier === undefined ? weigher : { ...weigher, multiplier: Number(multiplier) }
  })
}

/** The schema knows the names, too, but may be newer than this program. */
function get<T extends { name: string }>(all: readonly T[], name: string, field: string): T {
  const found = all.find((one) => one.name === name)
  if (!found) throw new Broken(field, `this version has no ${name}`)
  return found
}

function settingsIn({ maxInstancesPerHost, maxIoOpsPerHost, isolation }: Spec): FilterSettings {
  return {
    maxInstancesPerHost: maxInstancesPerHost ?? DEFAULT_SETTINGS.maxInstancesPerHost,
    maxIoOpsPerHost: maxIoOpsPerHost ?? DEFAULT_SETTINGS.maxIoOpsPerHost,
    ...(isolation
      ? {
          isolation: {
            nodes: new Set(isolation.nodes),
            images: new Set(isolation.images.map(({ namespace, name }) => `${namespace}/${name}`)),
            restrict: isolation.restrict ?? true,
          },
        }
      : {}),
  }
}

/** What fails for a node, such as a key that is not there, refuses that node. */
function toFilter({ name, expression }: { name: string; expression: string }, i: number): RowFilter {
  const evaluate = compile(expression, ['bool'], `spec.customFilters[${i}].expression`)
  return {
    name,
    by: 'row',
    asks: () => true,
    refuse(node, request) {
      try {
        return evaluate(toVariables(node, request)) === true ? undefined : `is refused by ${expression}`
      } catch (error) {
        return `cannot be judged by its expression: ${firstLineOf(error)}`
      }
    },
  }
}

function toWeigher(
  { name, expression, multiplier = '1' }: { name: string; expression: string; multiplier?: string },
  i: number,
): RowWeigher {
  const evaluate = compile(expression, ['int', 'uint', 'double'], `spec.customWeighers[${i}].expression`)
  return {
    ...{ name, multiplier: Number(multiplier), by: 'row' },
    weigh(node, request) {
      try {
        const weight = Number(evaluate(toVariables(node, request)))
        return Number.isFinite(weight) ? weight : 0
      } catch {
        return 0
      }
    },
  }
}

function compile(text: string, types: readonly string[], field: string): Evaluate {
  const compiled = compileExpression(text, types)
  if (!compiled.ok) throw new Broken(field, compiled.why)
  return compiled.evaluate
}
