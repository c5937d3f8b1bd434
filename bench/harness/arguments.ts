// SPDX-License-Identifier: Apache-2.0

/** `--name 12`. @throws for what is no number */
export function findOption(args: readonly string[], name: string, otherwise: number): number {
  const at = args.indexOf(`--${name}`)
  if (at < 0) return otherwise
  const value = Number(args[at + 1])
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} wants a whole number`)
  return value
}

export function hasFlag(args: readonly string[], name: string): boolean {
  return args.includes(`--${name}`)
}
