/** Sorts numbers in place, ascending, and moves what stands beside them along; by insertion, for the few that a committee has faster than anything with a comparison to call. */
export function ascend(values: number[], beside: number[] = []): number[] {
  for (let i = 1; i < values.length; i++) {
    const [value, along] = [values[i]!, beside[i]]
    let at = i
    for (; at > 0 && values[at - 1]! > value; at--) {
      values[at] = values[at - 1]!
      if (along !== undefined) beside[at] = beside[at - 1]!
    }
    values[at] = value
    if (along !== undefined) beside[at] = along
  }
  return values
}
