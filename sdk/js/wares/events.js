// Facts that a component tells others. Whoever imports it needs the grant `events`, and the
// line `import wares:platform/events@1.2.0;` in wit/world.wit.

import host from 'wares:platform/events@1.2.0'

import { SqlError } from './sql.js'

/**
 * Adds an event to a transaction: it is kept if and only if that is committed.
 *
 * @param {import('./sql.js').Transaction} transaction
 * @param {string} name Dotted and lower-case: `order.created`.
 * @param {unknown} data What JSON can show, of at most 64 KiB.
 */
export function emit(transaction, name, data) {
  try {
    host.emit(transaction.open, name, JSON.stringify(data))
  } catch (thrown) {
    throw thrown?.payload?.tag === undefined ? thrown : new SqlError(thrown.payload, `the event ${name}`)
  }
}
