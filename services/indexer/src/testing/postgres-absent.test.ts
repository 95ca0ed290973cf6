import { expect, it } from 'vitest'

it.skipIf(!process.env['CI'])('the indexer on a served PostgreSQL: NOT TESTED, none is installed here (Debian: apt-get install postgresql)', () => expect.fail('CI tests both: .ci/run installs PostgreSQL'))
