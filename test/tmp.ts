import { writeFileSync } from 'node:fs'
import { startPostgres } from './harness/postgres.ts'
import { serveShop } from './capabilities/db/postgres/served-shops.ts'
const server = await startPostgres()
const shop = await serveShop(server)
writeFileSync('/tmp/pgx/env', `ADMIN=${server.url(shop.name)}\nAGENT=${(shop.options.powers as any).env.SHOP_URL}\n`)
setInterval(()=>{}, 1000)
