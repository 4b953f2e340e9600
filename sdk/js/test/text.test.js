import assert from 'node:assert/strict'
import test from 'node:test'

import { decode, encode } from '../wares/text.js'

test('texts are what TextEncoder and TextDecoder make of them', () => {
  for (const text of ['', 'Ann', 'Zoë', '😀', 'a\u0000b', 'é'.repeat(5000), `${'x'.repeat(4095)}😀`]) {
    assert.deepEqual(encode(text), new TextEncoder().encode(text))
    assert.equal(decode(encode(text)), text)
  }
  assert.deepEqual(encode('a\ud800b'), new TextEncoder().encode('a\ud800b'))
  assert.throws(() => decode(Uint8Array.of(0x61, 0xff)), URIError)
})
