import { defineConfig } from 'vite'

export default defineConfig({
  base: '/explorer/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // Nothing inline: the page's Content-Security-Policy takes no data: URLs and no inline scripts.
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, cssCodeSplit: true, reportCompressedSize: false },
  worker: { format: 'es' },
  // `npx vite explorer` beside an indexer on its usual port.
  server: { proxy: Object.fromEntries(['network', 'machines', 'checkers', 'rounds', 'epochs', 'ready', 'events', 'explorer/links.json'].map((path) => [`/${path}`, 'http://127.0.0.1:4630'])) },
})
