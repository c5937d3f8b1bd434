// SPDX-License-Identifier: Apache-2.0
// What a README tells its reader to type.

/**
 * Pure: the commands of a README's indented blocks in their order, each with the comment behind it; a line that ends in a backslash goes on in
 * the next. Lines that begin with # show what is printed and are left out.
 */
export function readCommands(text: string): string[] {
  const commands: string[] = []
  let open = ''
  for (const line of text.split('\n')) {
    if (!line.startsWith('    ') || /^ *#/.test(line)) continue
    const piece = open + line.trim()
    if (piece.endsWith('\\')) open = `${piece.slice(0, -1).trimEnd()} `
    else {
      commands.push(piece)
      open = ''
    }
  }
  if (open) throw new Error(`a command that does not end: ${open}`)
  return commands
}
