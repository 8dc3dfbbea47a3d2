type Row = Record<string, unknown>
type Database = {
  query(sql: string, params?: unknown): Promise<Row[]>
  get(sql: string, params?: unknown): Promise<Row | null>
  execute(sql: string, params?: unknown): Promise<{ changes: number }>
}
type Order = { id: number; customer: string; total: number }
type Output = { customers: Row[]; denied: string; added: number; orders: unknown }

/** Looks the customers up, tries for more than it may have, and adds an order. */
export default async (order: Order, { db }: { db: { shop: Database } }): Promise<Output> => {
  const customers = await db.shop.query('select name, email from customers order by id')
  let denied = 'nothing'
  try {
    await db.shop.query('select * from cards')
  } catch (error) {
    denied = (error as { code: string }).code
  }
  const { changes } = await db.shop.execute(
    'insert into orders (id, customer_id, total) select :id, id, :total from customers where name = :customer',
    order,
  )
  const counted = await db.shop.get('select count(*) as n from orders')
  return { customers, denied, added: changes, orders: counted?.['n'] }
}
