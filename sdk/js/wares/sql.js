// The component's own database. Whoever imports it needs the grant `sql`, and the line
// `import wares:platform/sql@1.2.0;` in wit/world.wit.

import host from 'wares:platform/sql@1.2.0'

import { decode } from './text.js'

/** Why a statement was not carried out. It changed nothing, and the call may go on. */
export class SqlError extends Error {
  /** @param {{tag: string, val?: any}} error What the host answered. */
  constructor({ tag, val }, statement) {
    const about = tag === 'constraint' ? `${val.kind} of ${val.columns.join(', ') || 'the schema'}` : val
    super(`${tag}${about === undefined ? '' : `: ${about}`}, in ${statement}`)
    this.name = 'SqlError'
    /** `constraint`, `busy`, `timeout`, `limit-exceeded`, `invalid` or `unavailable`. */
    this.kind = tag
    /** The rule that a write would have broken: `{kind: 'unique', columns: ['table.column']}`. */
    this.constraint = tag === 'constraint' ? val : null
    // It is worth trying again: a handler that does not catch it answers so.
    if (tag === 'busy' || tag === 'unavailable') {
      this.status = 503
      this.type = 'unavailable'
      this.message = tag === 'busy' ? 'Others write at the moment: try again' : val
    }
  }
}

/**
 * Runs a statement that reads.
 *
 * @param {string} statement With parameters `$1`, `$2`, …
 * @param {unknown[]} [parameters] Null, booleans, numbers, bigints, strings and Uint8Arrays.
 * @param {string[]} [columns] Names of the columns.
 * @returns {any[]} Rows: objects by the names of the columns, or arrays where none are given.
 */
export function query(statement, parameters = [], columns) {
  return unpacked(call(statement, () => host.query(statement, parameters.map(value))), columns)
}

/**
 * Runs a statement that writes, in a transaction of its own.
 *
 * @returns {number} How many rows it changed.
 */
export function execute(statement, parameters = []) {
  return call(statement, () => host.execute(statement, parameters.map(value)))
}

/**
 * Calls a function with a Transaction, and commits what it wrote: all or, if it throws,
 * nothing. Other writers wait meanwhile.
 *
 * @template T
 * @param {(transaction: Transaction) => T} work
 * @returns {T} What the function returned.
 */
export function transaction(work) {
  const open = call('begin', () => host.Transaction.begin())
  let result
  try {
    result = work(new Transaction(open))
    if (typeof result?.then === 'function') throw new TypeError('what a transaction is for must not be async')
  } catch (thrown) {
    // Dropped, it is rolled back.
    open[Symbol.dispose]()
    throw thrown
  }
  call('commit', () => host.Transaction.commit(open))
  return result
}

/** Writes that become durable together, or not at all. */
export class Transaction {
  constructor(open) {
    /** The host's own transaction, for events.js. */
    this.open = open
  }

  /** As `query`; also takes a statement that writes with `returning`. */
  query(statement, parameters = [], columns) {
    return unpacked(call(statement, () => this.open.query(statement, parameters.map(value))), columns)
  }

  /** As `execute`, but durable only after the transaction's end. */
  execute(statement, parameters = []) {
    return call(statement, () => this.open.execute(statement, parameters.map(value)))
  }
}

/** Calls the host; what it throws becomes an SqlError. */
function call(statement, asked) {
  try {
    return asked()
  } catch (thrown) {
    throw thrown?.payload?.tag === undefined ? thrown : new SqlError(thrown.payload, statement)
  }
}

/** A parameter as the host takes it. What it does not take would end the call without a reason. */
function value(given, index) {
  const refused = (why) => new TypeError(`parameter $${index + 1} is ${why}`)
  switch (typeof given) {
    case 'undefined':
      return { tag: 'null' }
    case 'boolean':
      return { tag: 'integer', val: given ? 1 : 0 }
    case 'number':
      return { tag: Number.isSafeInteger(given) ? 'integer' : 'real', val: given }
    case 'bigint':
      if (!Number.isSafeInteger(Number(given))) throw refused(`${given}, beyond 2^53: send it as a text, with cast($1 as integer)`)
      return { tag: 'integer', val: Number(given) }
    case 'string':
      if (/\p{Surrogate}/u.test(given)) throw refused('a text with half a surrogate pair')
      return { tag: 'text', val: given }
  }
  if (given === null) return { tag: 'null' }
  if (given instanceof Uint8Array) return { tag: 'blob', val: given }
  throw refused(`of no type that a database has: ${JSON.stringify(given)}`)
}

/** Reads packed rows, whose layout is in sql.wit. Integers beyond 2^53 are bigints. */
function unpacked({ columns: width, count, data }, columns) {
  if (columns !== undefined && columns.length !== width) {
    throw new TypeError(`there are ${columns.length} names for ${width} columns: ${columns.join(', ')}`)
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0
  const cell = () => {
    switch (data[at++]) {
      case 0:
        return null
      case 1: {
        const integer = view.getBigInt64(at, true)
        at += 8
        return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer
      }
      case 2:
        at += 8
        return view.getFloat64(at - 8, true)
      case 3:
        return decode(bytes())
      case 4:
        return bytes().slice()
      default:
        throw new Error('the rows of the host have an unknown layout')
    }
  }
  const bytes = () => {
    const from = at + 4
    at = from + view.getUint32(at, true)
    return data.subarray(from, at)
  }
  return Array.from({ length: count }, () => {
    const cells = Array.from({ length: width }, cell)
    return columns === undefined ? cells : Object.fromEntries(columns.map((name, index) => [name, cells[index]]))
  })
}
