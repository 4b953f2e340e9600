import assert from 'node:assert/strict'
import test, { beforeEach } from 'node:test'

import { lines, random, settings } from '../fake/host.js'

// Before the first call: at the build.
const { begin } = await import('../wares/prelude.js')
const atTheBuild = Math.random()
console.log('at the build')

const { Rejection } = await import('../wares/errors.js')
const { guarded } = await import('../wares/guard.js')
const { component, setting } = await import('../wares/lifecycle.js')

beforeEach(() => {
  lines.length = 0
  settings.clear()
})

test('an exception is logged with its text and its place, and the call fails', () => {
  const { fails } = guarded({
    fails() {
      throw new RangeError('too far')
    },
  })
  assert.throws(fails, { message: 'RangeError: too far', stack: '' })
  assert.equal(lines.length, 1)
  const [level, context, text] = lines[0]
  assert.deepEqual([level, context], ['error', 'console'])
  assert.match(text, /^RangeError: too far\n[^]*guard\.test\.js:\d+:\d+/)
})

test('an exception of any length is logged bounded', () => {
  const { fails } = guarded({
    fails() {
      throw new Error('é'.repeat(10_000_000))
    },
  })
  assert.throws(fails, (thrown) => thrown.message.length < 300)
  assert.ok(lines[0][2].startsWith('Error: éé') && lines[0][2].length < 2_100, lines[0][2].length)
  assert.match(lines[0][2], / … and 9999007 letters more\n/)
})

test('what the host answered is in the text', () => {
  const { fails } = guarded({
    fails() {
      throw Object.assign(new Error('[object Object]'), { payload: { tag: 'upstream', val: 'gone' } })
    },
  })
  assert.throws(fails)
  assert.match(lines[0][2], /^Error: the host answered {"tag":"upstream","val":"gone"}\n/)
})

test('a rejection is the error of its function, and nothing is logged', () => {
  const { rejects, plain } = guarded({
    rejects() {
      throw new Rejection('No', { field: 'email' })
    },
    plain() {
      throw ['a fault']
    },
  })
  assert.throws(rejects, (thrown) => {
    assert.deepEqual(thrown, { message: 'No', field: 'email', code: null })
    return true
  })
  assert.throws(plain, (thrown) => thrown[0] === 'a fault')
  assert.deepEqual(lines, [])
})

test('a promise is a failure with a reason', () => {
  const { later } = guarded({ later: async () => 1 })
  assert.throws(later, { message: 'TypeError: later returned a promise; the host waits for none, so it must not be async' })
})

test('settings are checked, and faults are the error', () => {
  const { describe, checkSettings } = component({ name: 'a', version: '0.1.0', summary: 'A' }, (all) => Object.keys(all))
  assert.equal(describe().name, 'a')
  assert.equal(checkSettings(), undefined)
  settings.set('word', 'Ciao')
  assert.equal(setting('word'), 'Ciao')
  assert.equal(setting('other'), null)
  assert.throws(checkSettings, (thrown) => thrown[0] === 'word')
})

test('console logs what it is given, at its level', () => {
  const of = {}
  of.itself = of
  console.log('a', 1, { b: [2n] }, undefined, '\ud800')
  console.debug(of)
  console.warn(null)
  assert.deepEqual(lines, [
    ['info', 'console', 'a 1 {"b":["2"]} undefined \ufffd'],
    ['debug', 'console', '[object Object]'],
    ['warn', 'console', 'null'],
  ])
})

test('random numbers differ, also from those that were drawn at the build', () => {
  begin()
  const asked = random.asked
  const drawn = Array.from({ length: 100 }, () => Math.random())
  assert.ok(drawn.every((number) => number >= 0 && number < 1))
  assert.equal(new Set([atTheBuild, ...drawn]).size, 101)
  // 32 numbers a time. Those that are left of the build's would be the same in each call.
  assert.equal(random.asked - asked, 4)
  assert.match(crypto.randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(crypto.randomUUID(), crypto.randomUUID())
  assert.throws(() => crypto.getRandomValues(new Uint8Array(65537)), RangeError)
})
