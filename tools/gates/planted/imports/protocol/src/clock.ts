import { readFileSync } from 'node:fs'

export const now = () => Date.now() + Math.random() + readFileSync('/dev/null').length
