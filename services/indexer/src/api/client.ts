// Whom requests are counted for.
import { isIPv6 } from 'node:net'

/** One client: an IPv4 address, or the /64 of an IPv6 address, all of which is one subscriber's. */
export function clientOf(ip: string): string {
  if (!isIPv6(ip)) return ip
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (mapped) return mapped[1]!
  const [head = '', tail] = ip.split('::')
  const [before, after] = [groups(head), groups(tail ?? '')]
  const whole = tail === undefined ? before : [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
  return `${whole.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
