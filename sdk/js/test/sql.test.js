import assert from 'node:assert/strict'
import test, { beforeEach } from 'node:test'

import { sql, thrown } from '../fake/host.js'

const { SqlError, execute, query, transaction } = await import('../wares/sql.js')
const { emit } = await import('../wares/events.js')

/** Packs cells as sql.wit says. */
function packed(columns, ...cells) {
  const parts = cells.map((cell) => {
    if (cell === null) return Buffer.of(0)
    if (typeof cell === 'bigint') {
      const part = Buffer.alloc(9, 1)
      part.writeBigInt64LE(cell, 1)
      return part
    }
    if (typeof cell === 'number') {
      const part = Buffer.alloc(9, 2)
      part.writeDoubleLE(cell, 1)
      return part
    }
    const content = Buffer.from(cell)
    const head = Buffer.alloc(5, typeof cell === 'string' ? 3 : 4)
    head.writeUInt32LE(content.length, 1)
    return Buffer.concat([head, content])
  })
  return { columns, count: cells.length / columns, data: new Uint8Array(Buffer.concat(parts)) }
}

beforeEach(() => {
  sql.asked = []
  sql.answer = () => 1
})

test('rows are unpacked, as arrays or by the names of their columns', () => {
  sql.answer = () => packed(5, null, -1n, 1.5, 'Zoë', Buffer.of(1, 2), 'x', 2n ** 53n, -0.5, '', Buffer.of())
  const rows = [
    [null, -1, 1.5, 'Zoë', Uint8Array.of(1, 2)],
    ['x', 2n ** 53n, -0.5, '', new Uint8Array()],
  ]
  assert.deepEqual(query('select'), rows)
  const names = ['a', 'b', 'c', 'd', 'e']
  assert.deepEqual(query('select', [], names)[0], { a: null, b: -1, c: 1.5, d: 'Zoë', e: Uint8Array.of(1, 2) })
  assert.throws(() => query('select', [], ['a']), { message: 'there are 1 names for 5 columns: a' })
  sql.answer = () => packed(3)
  assert.deepEqual(query('select'), [])
  sql.answer = () => ({ columns: 1, count: 1, data: Uint8Array.of(9) })
  assert.throws(() => query('select'), /unknown layout/)
})

test('parameters have the types of a database', () => {
  execute('insert', [null, undefined, true, 7, 0.5, NaN, 8n, 'Zoë', Uint8Array.of(1)])
  const tags = ['null', 'null', 'integer', 'integer', 'real', 'real', 'integer', 'text', 'blob']
  assert.deepEqual(sql.asked[0][1].map(({ tag }) => tag), tags)
  assert.deepEqual(sql.asked[0][1][2], { tag: 'integer', val: 1 })
  assert.deepEqual(sql.asked[0][1][6], { tag: 'integer', val: 8 })
})

test('parameters that the host does not take are refused before it is asked', () => {
  for (const [parameter, message] of [
    [2n ** 60n, /^parameter \$2 is 1152921504606846976, beyond 2\^53/],
    ['\ud800', /^parameter \$2 is a text with half a surrogate pair$/],
    [{ a: 1 }, /^parameter \$2 is of no type that a database has: {"a":1}$/],
  ]) {
    assert.throws(() => execute('insert', [1, parameter]), { name: 'TypeError', message })
  }
  assert.deepEqual(sql.asked, [])
})

test('an error has its kind, its statement, and the rule that was broken', () => {
  const fails = (payload) => {
    sql.answer = () => {
      throw thrown(payload)
    }
    try {
      execute('insert into t')
    } catch (error) {
      assert.ok(error instanceof SqlError)
      return error
    }
    assert.fail()
  }
  const broken = { kind: 'unique', columns: ['t.id'] }
  const unique = fails({ tag: 'constraint', val: broken })
  assert.equal(unique.message, 'constraint: unique of t.id, in insert into t')
  assert.deepEqual([unique.kind, unique.constraint, unique.status], ['constraint', broken, undefined])
  assert.equal(fails({ tag: 'timeout' }).message, 'timeout, in insert into t')
  const busy = fails({ tag: 'busy' })
  assert.deepEqual([busy.status, busy.type, busy.message], [503, 'unavailable', 'Others write at the moment: try again'])
  assert.equal(fails({ tag: 'unavailable', val: 'The disk is full' }).message, 'The disk is full')
})

test('a transaction is committed at its end, with its events', () => {
  const returned = transaction((tx) => {
    tx.execute('insert', [1])
    emit(tx, 'order.created', { id: 'é' })
    return 'done'
  })
  assert.equal(returned, 'done')
  const names = sql.asked.map(([statement]) => statement)
  assert.deepEqual(names, ['begin', 'insert', 'emit', 'commit'])
  assert.deepEqual(sql.asked[2][1], ['order.created', '{"id":"é"}'])
})

test('a transaction is rolled back by an exception, which goes on', () => {
  for (const work of [
    () => {
      throw new RangeError('no')
    },
    async () => {},
  ]) {
    sql.asked = []
    assert.throws(() => transaction(work), /^(RangeError: no|TypeError: what a transaction is for must not be async)/)
    assert.deepEqual(
      sql.asked.map(([statement]) => statement),
      ['begin', 'rollback'],
    )
  }
})

test('an error of the commit is an error of the transaction', () => {
  sql.answer = (statement) => {
    if (statement === 'commit') throw thrown({ tag: 'limit-exceeded', val: 'sql_transaction_hold_ms' })
  }
  assert.throws(() => transaction(() => 1), { message: 'limit-exceeded: sql_transaction_hold_ms, in commit' })
  // The host took it over.
  assert.ok(!sql.asked.some(([statement]) => statement === 'rollback'))
})
