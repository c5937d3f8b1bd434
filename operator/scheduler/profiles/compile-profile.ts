// SPDX-License-Identifier: Apache-2.0
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import { ALL_FILTERS, DEFAULT_FILTERS } from '../filters/all.ts'
import type { Filter } from '../filters/filter.ts'
import type { PlacementRequest } from '../filters/request.ts'
import type { NodeRow } from '../nodes/node-facts.ts'
import { isolatedHostsFilter } from '../filters/isolated-hosts.ts'
import { DEFAULT_SETTINGS, type FilterSettings } from '../filters/settings.ts'
import { policyOf, type Policy } from '../policy.ts'
import { ALL_WEIGHERS, DEFAULT_WEIGHERS } from '../weighers/all.ts'
import type { Weigher } from '../weighers/weigher.ts'
import { compileExpression, firstLineOf, type Expression } from './expression.ts'
import type { Variables } from './variable-types.ts'
import { toClassVariables, toVariables } from './variables.ts'

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
    const filters = (spec.customFilters ?? []).map((own, i) => {
      return { own, expression: compile(own, ['bool'], `spec.customFilters[${i}].expression`) }
    })
    const weighers = (spec.customWeighers ?? []).map((own, i) => {
      return { own, expression: compile(own, ['int', 'uint', 'double'], `spec.customWeighers[${i}].expression`) }
    })
    const policy = policyOf(
      chooseFilters(spec),
      [...chooseWeighers(spec.weighers), ...weighers.map(({ own, expression }) => toWeigher(own, expression))],
      settingsIn(spec),
      filters.map(({ own, expression }) => toFilter(own, expression)),
    )
    const asksForUid = [...filters, ...weighers].some(({ expression }) => expression.asksForUid)
    return { ok: true, policy: asksForUid ? { ...policy, asksForUid } : policy }
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    return { ok: false, field: error.field, why: error.message }
  }
}

/** Isolation that is written down holds, whether its filter is named or not: what it keeps apart must not depend on a second field. */
function chooseFilters({ filters: names, isolation }: Spec): readonly Filter[] {
  const named = names?.map((name, i) => get(ALL_FILTERS, name, `spec.filters[${i}]`)) ?? DEFAULT_FILTERS
  return isolation && !named.includes(isolatedHostsFilter) ? [...named, isolatedHostsFilter] : named
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

interface Own {
  name: string
  expression: string
}

/** An expression that tells projects apart may name them, and what is said reaches all of them. */
const NAMES_OTHERS = /\bnamespace\b|\bimage\s*\.\s*name\b/

/** What fails for a node, such as a key that is not there, refuses that node. */
function toFilter({ name, expression }: Own, { evaluate, isOfClass, turnedBy }: Expression): Filter {
  const refusal = `is refused by ${NAMES_OTHERS.test(expression) ? 'its expression' : expression}`
  const judge = (variables: Variables) => {
    try {
      return evaluate(variables) === true ? undefined : refusal
    } catch (error) {
      return `cannot be judged by its expression: ${firstLineOf(error)}`
    }
  }
  if (isOfClass)
    return { name, by: 'class', turnedBy: [], refuse: (node, request) => judge(toClassVariables(node, request)) }
  const refuse = (node: NodeRow, request: PlacementRequest) => judge(toVariables(node, request))
  return { name, by: 'row', turnedBy, asks: () => true, refuse }
}

function toWeigher(
  { name, multiplier = '1' }: Own & { multiplier?: string },
  { evaluate, isOfClass }: Expression,
): Weigher {
  const weigh = (variables: Variables) => {
    try {
      const weight = Number(evaluate(variables))
      return Number.isFinite(weight) ? weight : 0
    } catch {
      return 0
    }
  }
  const named = { name, multiplier: Number(multiplier) }
  if (isOfClass) return { ...named, by: 'class', weigh: (node, request) => weigh(toClassVariables(node, request)) }
  return { ...named, by: 'row', weigh: (node, request) => weigh(toVariables(node, request)) }
}

function compile({ expression }: Own, types: readonly string[], field: string): Expression {
  const compiled = compileExpression(expression, types)
  if (!compiled.ok) throw new Broken(field, compiled.why)
  return compiled
}
