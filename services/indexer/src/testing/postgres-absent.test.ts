import { expect, it } from 'vitest'

const told = 'the indexer on a served PostgreSQL: NOT TESTED, none is installed here (Debian: apt-get install postgresql)'

it.skipIf(!process.env['CI'])(told, () => expect.fail(told))
