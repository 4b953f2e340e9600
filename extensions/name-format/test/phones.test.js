import assert from 'node:assert/strict'
import test from 'node:test'

import { isKnown, known, phone } from '../src/phones.js'

function check(country, examples) {
  for (const [given, wanted] of Object.entries(examples)) {
    const formatted = phone(given, country)
    assert.equal(formatted, wanted, `${given} in ${country}`)
    assert.equal(phone(formatted, country), formatted, `${formatted} stays`)
  }
}

test('a number with a calling code has nothing else but digits', () => {
  for (const country of [null, 'de', 'us', 'xx']) {
    check(country, {
      '+49 30 123456': '+4930123456',
      '+49 (0) 30 / 12 34 56': '+4930123456',
      '+1 (415) 555-0132': '+14155550132',
      'tel:+44-20-7946-0958': '+442079460958',
    })
  }
  check('de', { '0044 20 7946 0958': '+442079460958' })
  check(null, { '0044 20 7946 0958': '+442079460958' })
  check('us', { '011 44 20 7946 0958': '+442079460958' })
})

test('a number of the country gets its calling code', () => {
  check('de', { '030 123456': '+4930123456', '0170/1234567': '+491701234567' })
  check('it', { '06 698 12345': '+390669812345', '347 123 4567': '+393471234567' })
  check('fr', { '01 70 18 99 00': '+33170189900' })
  check('hu', { '06 1 234 5678': '+3612345678' })
  check('lt', { '8 612 34567': '+37061234567', '0 612 34567': '+37061234567' })
  check('us', { '(415) 555-0132': '+14155550132', '1-415-555-0132': '+14155550132' })
  check('gb', { '020 7946 0958': '+442079460958' })
  check('dk', { '32 12 34 56': '+4532123456' })
})

test('a number that cannot be read for certain stays as it is', () => {
  check(null, { '030 123456': '030 123456', '12': '12' })
  check('xx', { '030 123456': '030 123456' })
  check('de', {
    '123456': '123456',
    '0 30': '0 30',
    '030 123456 ext. 12': '030 123456 ext. 12',
    '+0 123 456 789': '+0 123 456 789',
    '+1234567': '+1234567',
    '+1234567890123456': '+1234567890123456',
    '': '',
    'call me': 'call me',
  })
  check('us', { '115-555-0132': '115-555-0132', '415-155-0132': '415-155-0132', '555-0132': '555-0132' })
  check('fr', { '01 70 18 99 0': '01 70 18 99 0' })
  assert.equal(phone(' 12 ', null), '12')
})

test('only countries of the table are known', () => {
  assert.ok(isKnown('de') && known().includes('us'))
  assert.ok(!isKnown('xx') && !isKnown('constructor') && !isKnown('DE'))
})
