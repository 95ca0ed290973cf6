// The clock of a network that lives on real time: a block a while, not sooner than everybody has seen the last one, so that a busy machine is slow and what is asked of a program in some blocks is
// asked of it in no less time than it has elsewhere.
import { setTimeout as delay } from 'node:timers/promises'
import { roundAt } from '@assay/protocol'
import type { Net, Service } from '../chaos-net.ts'

const POLL_MS = 25

/** Builds blocks until the signal fires; rejects with what ended the network. `starting`: programs that are not waited for; while there are any, a block takes `startingBlockMs`. */
export async function beat(net: Net, { signal, starting = new Set(), startingBlockMs = () => 0, onBlock = () => {} }: { signal: AbortSignal; starting?: ReadonlySet<Service>; startingBlockMs?: () => number; onBlock?: (height: number) => void }): Promise<void> {
  while (!signal.aborted) {
    // At least the net's own pace after the one before.
    await net.blind(1)
    const builtAt = performance.now()
    onBlock(net.head)
    const { fire } = net.at(Math.max(0, roundAt(net.parameters, net.head)))
    await Promise.all(net.services.map((service) => seen(net, service, starting)))
    // The block after the nonces waits for the stopwatch: the blocks after it are for handing in.
    if (net.head === fire) await delay(net.parameters.windowMs)
    while (starting.size > 0 && performance.now() < builtAt + startingBlockMs() && !signal.aborted) await delay(POLL_MS)
  }
}

async function seen(net: Net, service: Service, starting: ReadonlySet<Service>): Promise<void> {
  await net.until(`${service.name} sees the head`, async () => !service.running || starting.has(service) || ((await service.standing())?.best ?? -1) >= net.head)
}
