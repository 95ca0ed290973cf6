// All machines as rows, as they come from the indexer in portions.
import { useEffect, useState } from 'preact/hooks'
import { ApiFault, get, type MachineEntry } from './api.ts'
import { type Row, rowOf } from './reading.ts'

const PORTION = 1000

export interface Listed { rows: readonly Row[], whole: boolean, fault: ApiFault | null }

let listed: Listed = { rows: [], whole: false, fault: null }

/** What is known of all machines; asked for anew, in the background, whenever `beat` changes and the last answer is whole. */
export function useMachines(beat: number): Listed & { again: () => void } {
  const [shown, set] = useState(listed)
  const [tries, setTries] = useState(0)
  useEffect(() => {
    const stop = new AbortController()
    void load(stop.signal, (next) => set((listed = next)))
    return () => stop.abort()
  }, [beat, tries])
  return { ...shown, again: () => setTries((n) => n + 1) }
}

async function load(signal: AbortSignal, tell: (next: Listed) => void): Promise<void> {
  const before = listed
  const rows: Row[] = []
  try {
    for (let after: string | null = ''; after !== null; ) {
      const { machines, next }: { machines: MachineEntry[], next: string | null } = await get(`/machines?limit=${PORTION}${after === '' ? '' : `&after=${after}`}`, signal)
      rows.push(...machines.map(rowOf))
      after = next
      // The first time, what is there is shown at once; later the list is replaced when all of the new one is there.
      if (!before.whole || after === null) tell({ rows: [...rows], whole: after === null, fault: null })
    }
  } catch (cause) {
    if (!signal.aborted) tell({ ...listed, fault: cause instanceof ApiFault ? cause : new ApiFault(0, 'FAULT', String(cause)) })
  }
}
