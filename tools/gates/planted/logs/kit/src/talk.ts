// What the gate for logs must catch.
type Say = (event: string, fields?: Record<string, unknown>) => void
export function talk(log: { info: Say, warn: Say }, name: string, loud: boolean): void {
  log.info('new event')
  log.warn('round scored', { round: 7, colour: 'red' })
  log.info('known event')
  log.info(name)
  log[loud ? 'warn' : 'info']('known event')
}
