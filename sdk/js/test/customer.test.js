import assert from 'node:assert/strict'
import test from 'node:test'

import '../fake/host.js'

const { Rejection } = await import('../wares/errors.js')
const { customerHooks, edit } = await import('../wares/customer.js')

test('hooks that are left out change nothing', () => {
  const hooks = customerHooks({
    beforeCreateCustomer: () => {
      throw new Rejection('No')
    },
  })
  assert.equal(Object.keys(hooks).length, 11)
  const value = { id: 'cus_1' }
  assert.equal(hooks.beforeUpdateCustomer({}, value), value)
  assert.throws(() => hooks.beforeCreateCustomer({}, value), (thrown) => thrown.message === 'No')
})

test('a hook that does not exist is named', () => {
  assert.throws(() => customerHooks({ beforeCreateCustomr() {} }), /^TypeError: there is no hook beforeCreateCustomr; there are before/)
})

test('fields of what is made and of what is changed are edited alike', () => {
  const seen = []
  const edits = { firstName: (name) => name.trim(), email: (email) => void seen.push(email) }
  const made = { email: 'a@b.example', firstName: ' Ann ', lastName: ' Doe ', phone: null }
  assert.deepEqual(edit(made, edits), { ...made, firstName: 'Ann' })
  const update = {
    id: 'cus_1',
    changes: [
      { tag: 'first-name', val: ' Ann ' },
      { tag: 'last-name', val: ' Doe ' },
      { tag: 'email', val: null },
      { tag: 'email', val: 'c@d.example' },
    ],
  }
  assert.equal(edit(update, edits), update)
  assert.deepEqual(update.changes.map(({ val }) => val), ['Ann', ' Doe ', null, 'c@d.example'])
  assert.deepEqual(seen, ['a@b.example', 'c@d.example'])
})
