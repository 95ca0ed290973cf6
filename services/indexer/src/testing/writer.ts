// A process for database.test.ts: writes blocks 1, 2 whole, stops in the middle of the transaction of block 3, and waits to be killed.
import { openDatabase, type Owner } from '../database.ts'

const [dir, owner] = process.argv.slice(2) as [string, string]
const { db } = await openDatabase({ dir, owner: JSON.parse(owner) as Owner })
console.log('open')
for (const number of [1, 2, 3]) {
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('blocks').values({ number, hash: `0x${number}`, parent_hash: `0x${number - 1}`, relay_root: null }).execute()
    console.log(`between ${number}`)
    if (number === 3) await new Promise(() => {})
    await trx.insertInto('events').values({ block: number, position: 0, data: new Uint8Array() }).execute()
  })
}
