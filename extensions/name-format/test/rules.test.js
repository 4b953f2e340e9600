import assert from 'node:assert/strict'
import test from 'node:test'

import { faults, ofAddresses, ofCustomers } from '../src/rules.js'

test('faults of the settings are named', () => {
  assert.deepEqual(faults({}), [])
  assert.deepEqual(faults({ country: 'DE' }), [])
  const [country, other] = faults({ country: 'germany', land: 'de' })
  assert.match(country, /^country: 'germany' is none of the countries whose numbers are known: at, au, /)
  assert.equal(other, 'land: there is no such setting; there is country')
})

test('a number of an address is one of its own country', () => {
  assert.equal(ofCustomers('de').phone('030 123456'), '+4930123456')
  assert.equal(ofAddresses('de', { countryCode: 'FR' }).phone('01 70 18 99 00'), '+33170189900')
  assert.equal(ofAddresses('de', {}).phone('030 123456'), '+4930123456')
  assert.equal(ofAddresses('de', { countryCode: 'xx' }).phone('030 123456'), '030 123456')
  assert.equal(ofAddresses(null).phone('030 123456'), '030 123456')
})

test('a company is written as it writes itself', () => {
  assert.equal(ofCustomers(null).companyName(' adidas  AG '), 'adidas AG')
  assert.equal(ofAddresses(null).company(' IBM '), 'IBM')
})
