import assert from 'node:assert/strict'
import test from 'node:test'

import { lines } from '../fake/host.js'

const { Problem, Rejection } = await import('../wares/errors.js')
const { Answer, Query, parse, routes } = await import('../wares/http.js')

/** Calls the one route of a table with a request; returns status, headers and body. */
function call(handler, request = {}, path = '/store/things/{kind}/{id}') {
  const { handle } = routes([{ method: 'POST', path, access: 'anyone', handler }])
  const sent = { route: 0, pathParameters: ['mugs', 'ä b'], query: '', headers: [], body: new Uint8Array(), requestId: '01', ...request }
  const { status, headers, body } = handle(sent)
  return [status, headers, new TextDecoder().decode(body)]
}

const bytes = (text) => new TextEncoder().encode(text)

test('a table is declared as the host reads it', () => {
  const handler = () => null
  const { routes: declared, schemas } = routes(
    [
      { method: 'GET', path: '/store/a', access: 'anyone', handler },
      { method: 'POST', path: '/store/b', access: 'admin', headers: ['x-h'], operation: { summary: 'B' }, handler },
    ],
    { Thing: { type: 'object' } },
  )
  assert.deepEqual(declared(), [
    { method: 'GET', path: '/store/a', access: 'anyone', headers: [], operation: '' },
    { method: 'POST', path: '/store/b', access: 'admin', headers: ['x-h'], operation: '{"summary":"B"}' },
  ])
  assert.equal(schemas(), '{"Thing":{"type":"object"}}')
  assert.equal(routes([]).schemas(), '')
})

test('a handler sees the request, and what it returns is the answer', () => {
  const request = {
    query: 'a=1&a=2&b',
    headers: [
      { name: 'x-h', value: 'first' },
      { name: 'x-h', value: 'second' },
    ],
    body: bytes('{"name":"Zoë 😀"}'),
    actor: { kind: 'user', id: 'user_1' },
  }
  const seen = (asked) => ({
    parameters: asked.parameters,
    a: asked.query.all('a'),
    b: asked.query.get('b'),
    headers: asked.headers,
    body: asked.json(),
    actor: asked.actor.id,
    request: asked.requestId,
  })
  assert.deepEqual(call(seen, request), [
    200,
    [],
    '{"parameters":{"kind":"mugs","id":"ä b"},"a":["1","2"],"b":"","headers":{"x-h":"first"},' +
      '"body":{"name":"Zoë 😀"},"actor":"user_1","request":"01"}',
  ])
  assert.deepEqual(call(() => undefined), [204, [], ''])
  assert.deepEqual(call(() => null), [200, [], 'null'])
  assert.deepEqual(call(() => new Answer(201, [1], { location: '/store/x' })), [
    201,
    [{ name: 'location', value: '/store/x' }],
    '[1]',
  ])
})

test('exceptions that are answers are answered', () => {
  const throwing = (thrown) => () => {
    throw thrown
  }
  assert.deepEqual(call(throwing(new Problem(404, 'not_found', 'None'))), [
    404,
    [],
    '{"type":"not_found","message":"None"}',
  ])
  assert.deepEqual(call(throwing(new Rejection('No', { code: 'c' }))), [
    400,
    [],
    '{"type":"invalid_data","message":"No","code":"c"}',
  ])
  assert.deepEqual(lines, [])
  assert.throws(() => call(throwing(new RangeError('x'))), { message: 'RangeError: x' })
  assert.throws(() => call(throwing({ status: 200 })), { message: /^TypeError: a handler threw what is no Error/ })
  assert.throws(() => call(async () => 1), { message: /^TypeError: the handler returned a promise/ })
  assert.equal(lines.length, 3)
})

test('a body that is of no use is refused with its reason', () => {
  const refused = (body) => call((asked) => asked.json(), { body: bytes(body) })
  const message = (answer) => [answer[0], JSON.parse(answer[2]).message]
  assert.deepEqual(message(refused('')), [400, 'Invalid request: a body is missing'])
  assert.deepEqual(message(refused('{"a":"\\uD83D"}')), [400, 'Invalid request: the body has half a surrogate pair'])
  assert.deepEqual(refused('{"a":"\\ud83d\\ude00 \\\\ud83d"}'), [200, [], '{"a":"😀 \\\\ud83d"}'])
  assert.match(message(refused('{'))[1], /^Invalid request: the body is no JSON: /)
  const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth)
  assert.equal(refused(nested(128))[0], 200)
  assert.deepEqual(message(refused(nested(129))), [400, 'Invalid request: the body is nested deeper than 128'])
  assert.equal(refused(`["${'[{'.repeat(500)}","\\"[",${'[],'.repeat(500)}0]`)[0], 200)
  assert.throws(() => parse(nested(1_000_000)), { status: 400 })
})

test('a query is percent-decoded', () => {
  const query = new Query('q=a+b%20c&name=%C3%A9&&x=1=2&empty=&flag')
  assert.deepEqual(query.names(), ['q', 'name', 'x', 'empty', 'flag'])
  assert.deepEqual(query.names().map((name) => query.get(name)), ['a b c', 'é', '1=2', '', ''])
  assert.equal(query.get('missing'), null)
  assert.deepEqual(query.all('missing'), [])
  assert.throws(() => new Query('a=%ff'), { status: 400, message: /'%ff', which is no percent-encoded UTF-8$/ })
})
