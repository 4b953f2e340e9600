import assert from 'node:assert/strict'
import test from 'node:test'

import { faults, greeting } from '../src/rules.js'

test('a person is greeted in the words of the settings', () => {
  assert.equal(greeting(null, ' Ann '), 'Hello, Ann!')
  assert.equal(greeting('Ciao', 'Ann'), 'Ciao, Ann!')
})

test('unknown settings are named', () => {
  assert.deepEqual(faults({ word: 'Ciao' }), [])
  assert.deepEqual(faults({ wrod: 'Ciao' }), ['wrod: there is no such setting; there is word'])
})
