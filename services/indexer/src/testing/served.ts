// Databases of a test server.
import { Client } from 'pg'

/** The migrated database of testOwner that others are copied from. */
export const TEMPLATE = 'assay_template'

/** Creates a database at the server of `url`, empty or as a copy, and gives its URL. */
export async function createServed(url: string, name: string, template = 'template0'): Promise<string> {
  await administer(url, `create database ${name} template ${template}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}

/** Removes it, with whoever is still connected. */
export const dropServed = (url: string): Promise<unknown> => administer(url, `drop database ${new URL(url).pathname.slice(1)} with (force)`)

/** One statement in the server's own database. Gives its rows. */
export async function administer(url: string, statement: string): Promise<unknown[]> {
  const server = new URL(url)
  server.pathname = '/postgres'
  const client = new Client({ connectionString: server.href })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows
  } finally {
    await client.end()
  }
}
