// What both kinds of database say to begin a transaction.
import type { TransactionSettings } from 'kysely'

/** @example begin({ isolationLevel: 'repeatable read', accessMode: 'read only' }) // 'begin isolation level repeatable read read only' */
export const begin = ({ isolationLevel, accessMode }: TransactionSettings): string => ['begin', ...(isolationLevel ? [`isolation level ${isolationLevel}`] : []), ...(accessMode ? [accessMode] : [])].join(' ')
