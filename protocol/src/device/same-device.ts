// Whether two machines of a round show the same device. PROTOCOL section 13.3.
import type { AccountId, Hash } from '../bytes.ts'
import type { Facts } from './facts.ts'

/**
 * The machines of one round that share a device with another, each with the identifiers that another shows too, both ascending. Nobody is named for a
 * neighbour of a neighbour: a liar who shows the identifiers of two strangers is named with each, they are not named with one another.
 * It says that two claims collide, not which of them is the liar's.
 */
export function sameDevice(facts: ReadonlyMap<AccountId, Facts>): Map<AccountId, Hash[]> {
  const shownBy = new Map<Hash, number>()
  for (const { device } of facts.values()) for (const identifier of device.identifiers) shownBy.set(identifier, (shownBy.get(identifier) ?? 0) + 1)
  const shared = [...facts].map(([machine, { device }]) => [machine, device.identifiers.filter((identifier) => shownBy.get(identifier)! > 1)] as const)
  return new Map(shared.filter(([, identifiers]) => identifiers.length > 0).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([machine, identifiers]) => [machine, [...identifiers]]))
}
