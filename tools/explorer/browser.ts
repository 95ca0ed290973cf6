// The explorer in a real browser.
import { chromium as playwright, type Browser, type Page } from 'playwright-core'
import { chromium } from '../chromium.ts'

/** A Chromium for pages; the caller closes it. Only where `hasChromiumPackage`. */
export function launch(): Promise<Browser> {
  const { executable, flags, env } = chromium()
  return playwright.launch({ executablePath: executable, args: flags, env: { ...process.env, ...env } as Record<string, string>, chromiumSandbox: false })
}

export interface Opened { page: Page, faults: string[] }

/** A page of its own, and everything that it complained of: errors, violations of its policy, answers with 5xx. */
export async function openPage(browser: Browser, options: { dark?: boolean, phone?: boolean } = {}): Promise<Opened> {
  const page = await browser.newPage({ viewport: options.phone ? { width: 390, height: 844 } : { width: 1280, height: 860 }, colorScheme: options.dark ? 'dark' : 'light', reducedMotion: 'reduce', deviceScaleFactor: 1, locale: 'en-GB' })
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => {
    // No events yet is told by the browser as a failed load; the page asks instead.
    if (message.type() === 'error' && !message.location().url.endsWith('/events')) faults.push(`console: ${message.text()} (${message.location().url})`)
  })
  return { page, faults }
}
