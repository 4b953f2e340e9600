import assert from 'node:assert/strict'
import test from 'node:test'

import { faults, isOf, tidy } from '../src/rules.js'

test('names are tidied', () => {
  assert.equal(tidy('  Ann \t Maria '), 'Ann Maria')
  assert.equal(tidy('Ann'), 'Ann')
  assert.equal(tidy(' '), '')
})

test('an address is of its own domain alone', () => {
  assert.ok(isOf('ann@Spam.example', 'spam.EXAMPLE'))
  assert.ok(!isOf('ann@not-spam.example', 'spam.example'))
  assert.ok(!isOf('spam.example', 'spam.example'))
})

test('unknown settings are named', () => {
  assert.deepEqual(faults({ refused_domain: 'spam.example' }), [])
  assert.deepEqual(faults({ refuse: 'spam.example' }), [
    'refuse: there is no such setting; there is refused_domain',
  ])
})
