import assert from 'node:assert/strict'
import test from 'node:test'

import { familyName, givenName, spaced } from '../src/names.js'

function check(format, examples) {
  for (const [given, wanted] of Object.entries(examples)) {
    assert.equal(format(given), wanted, given)
    assert.equal(format(wanted), wanted, `${wanted} stays`)
  }
}

test('white space is that between words', () => {
  check(spaced, { '  Ann \t Maria ': 'Ann Maria', 'Ann\u00a0\u3000Lee': 'Ann Lee', ' ': '', 'Zoe\u0308': 'Zoë' })
})

test('a given name without capitals, or with nothing else, gets them', () => {
  check(givenName, {
    ann: 'Ann',
    ANN: 'Ann',
    'anne-marie': 'Anne-Marie',
    'ANN MARIA': 'Ann Maria',
    'JEAN-LUC': 'Jean-Luc',
    élodie: 'Élodie',
    'j. r.': 'J. R.',
    'j.r.': 'J.R.',
    VAN: 'Van',
    "d'arcy": "D'Arcy",
    'İBRAHİM': 'İbrahim',
  })
})

test('capitals that somebody chose stay', () => {
  check(givenName, { DeShawn: 'DeShawn', 'Mary ann': 'Mary ann', JP: 'JP', A: 'A', 李: '李', 'محمد': 'محمد', '': '' })
  check(familyName, { McDonald: 'McDonald', 'Van der Berg': 'Van der Berg', 'de Gaulle': 'de Gaulle', 'ffrench-Blake': 'ffrench-Blake' })
})

test('a family name has capitals where they belong', () => {
  check(familyName, {
    doe: 'Doe',
    DOE: 'Doe',
    "O'NEIL": "O'Neil",
    'o’brien': 'O’Brien',
    "d'angelo": "D'Angelo",
    mcdonald: 'McDonald',
    'mc donald': 'Mc Donald',
    MCKAY: 'McKay',
    macron: 'Macron',
    'smith-jones': 'Smith-Jones',
    'GARCÍA MÁRQUEZ': 'García Márquez',
    "hawai'i": "Hawai'i",
  })
})

test('particles of a family name have none', () => {
  check(familyName, {
    'VAN DER BERG': 'van der Berg',
    'von trapp': 'von Trapp',
    'DE LA CRUZ': 'de la Cruz',
    "VAN 'T HOFF": "van 't Hoff",
    'ORTEGA Y GASSET': 'Ortega y Gasset',
    'VON UND ZU BODMAN': 'von und zu Bodman',
    'la rue': 'La Rue',
    VAN: 'Van',
    'LE PEN': 'Le Pen',
    'BIN': 'Bin',
  })
})

test('a numeral at the end stays', () => {
  check(familyName, { 'DOE III': 'Doe III', 'doe ii': 'Doe II', ii: 'Ii' })
})
