// Numbers and names as people read them. Nothing here makes markup.

const PLANCK_DIGITS = 18

/** Planck as PEAQ with at most `digits` of its fraction, rounded down: `peaq('1500000000000000000')` is `'1.5'`. A sum that is not 0 never reads as 0. */
export function peaq(planck: string, digits = 3): string {
  const negative = planck.startsWith('-')
  const padded = (negative ? planck.slice(1) : planck).padStart(PLANCK_DIGITS + 1, '0')
  const [whole, fraction] = [padded.slice(0, -PLANCK_DIGITS), padded.slice(-PLANCK_DIGITS)]
  const shown = fraction.slice(0, digits).replace(/0+$/, '')
  if (/^0+$/.test(whole) && shown === '' && /[1-9]/.test(fraction)) return `${negative ? '-' : ''}<0.${'0'.repeat(digits - 1)}1`
  return `${negative ? '-' : ''}${grouped(whole)}${shown && `.${shown}`}`
}

/** PEAQ as a number for a plot. */
export const peaqNumber = (planck: string): number => Number(planck) / 10 ** PLANCK_DIGITS

/** What a plot's number of PEAQ is told as: `peaqTold(40)` is `'40 PEAQ'`. */
export const peaqTold = (value: number): string => `${value >= 100 ? grouped(Math.round(value)) : Number(value.toPrecision(3))} PEAQ`

/** Digits in threes, by thin spaces: `grouped('1234567')` is `'1 234 567'`. */
export const grouped = (digits: string | number): string => String(digits).replace(/\B(?=(\d{3})+$)/g, '\u202f')

const WORK_UNITS = ['MAC', 'kMAC', 'MMAC', 'GMAC', 'TMAC', 'PMAC', 'EMAC', 'ZMAC'] as const

/** Multiply-accumulates with a unit, three digits: `work('47596961792')` is `'47.6 GMAC'`. */
export function work(macs: string): string {
  const unit = Math.min(Math.floor((macs.length - 1) / 3), WORK_UNITS.length - 1)
  return `${three(Number(macs) / 1000 ** unit)} ${WORK_UNITS[unit]}`
}

const three = (value: number): string => (value >= 1000 ? grouped(Math.round(value)) : value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

/** Kilobits a second: `rate(80000)` is `'80 Mbit/s'`; what was not measured is a dash. */
export const rate = (kbps: number | null): string => (kbps === null ? '–' : kbps >= 1e6 ? `${three(kbps / 1e6)} Gbit/s` : kbps >= 1000 ? `${three(kbps / 1000)} Mbit/s` : `${kbps} kbit/s`)

/** Microseconds: `micros(900)` is `'0.9 ms'`. */
export const micros = (us: number | null): string => (us === null ? '–' : `${three(us / 1000)} ms`)

/** KiB: `memory(28672)` is `'28 MiB'`. */
export const memory = (kib: number): string => (kib >= 1 << 20 ? `${three(kib / (1 << 20))} GiB` : kib >= 1024 ? `${three(kib / 1024)} MiB` : `${kib} KiB`)

/** Millionths as percent: `percent(12345)` is `'1.2 %'`. */
export const percent = (ppm: number, digits = 1): string => `${(ppm / 10_000).toFixed(digits).replace(/\.0+$/, '')} %`

/** The first and last letters of an address or hash: `short('5GrwvaEF…utQY')`. */
export const short = (text: string, head = 6, tail = 4): string => (text.length <= head + tail + 1 ? text : `${text.slice(0, head)}…${text.slice(-tail)}`)

/**
 * How long blocks take, roughly: `about(90, 12)` is `'about 18 min'`. Blocks are the network's clock; minutes are a guess from it.
 */
export function about(blocks: number, secondsABlock: number): string {
  const seconds = Math.abs(blocks) * secondsABlock
  if (seconds < 50) return seconds < 1 ? 'now' : `about ${Math.max(1, Math.round(seconds))} s`
  if (seconds < 50 * 60) return `about ${Math.round(seconds / 60)} min`
  if (seconds < 36 * 3600) return `about ${Math.round(seconds / 3600)} h`
  return `about ${Math.round(seconds / 86_400)} days`
}

/** One or more of something: `count(1, 'machine')` is `'1 machine'`. */
export const count = (n: number, what: string, many = `${what}s`): string => `${grouped(n)} ${n === 1 ? what : many}`

/** A code as words: `words('NO_QUORUM')` is `'no quorum'`. */
export const words = (code: string): string => code.toLowerCase().replaceAll('_', ' ')

/** A template with its parts filled in, if it makes a web address: `linkTo('https://x/{number}', { number: 7 })`. Null for anything else. */
export function linkTo(template: string | null, parts: Record<string, string | number>): string | null {
  if (template === null) return null
  const text = template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in parts ? encodeURIComponent(parts[name]!) : whole))
  return /^https?:\/\//.test(text) && !/\{\w+\}/.test(text) ? text : null
}

/** An account in what somebody typed: an address, its 0x form, or a DID around one; null if it is none of them. */
export function accountIn(typed: string): string | null {
  const text = typed.trim().replace(/^did:peaq:/i, '')
  return /^0x[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : /^[1-9A-HJ-NP-Za-km-z]{46,50}$/.test(text) ? text : null
}
