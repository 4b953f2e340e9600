// A module that uses all of the SDK: tests/front_door/author_sdks.rs asks it what the host sees.

import { Answer, routes } from '../wares/http.js'
import { Problem } from '../wares/errors.js'
import { emit } from '../wares/events.js'
import { guarded } from '../wares/guard.js'
import { component } from '../wares/lifecycle.js'
import { SqlError, query, transaction } from '../wares/sql.js'

const drawnAtTheBuild = Math.random()

export const lifecycle = component({ name: 'probe', version: '0.1.0', summary: 'Uses the SDK' })

export const migrations = guarded({
  every: () => [{ name: '0001_note', statements: 'create table note (id integer primary key, name text not null unique, size real);' }],
  countRequired: () => 1,
})

function add({ parameters: { name }, query: asked }) {
  try {
    return transaction((tx) => {
      const insert = 'insert into note (name, size) values ($1, $2) returning id, name, size'
      const [note] = tx.query(insert, [name, Number(asked.get('size'))], ['id', 'name', 'size'])
      emit(tx, 'note.created', note)
      if (asked.get('then') === 'fail') throw new Problem(409, 'not_allowed', `${name} is not kept`)
      return new Answer(201, note, { location: `/store/probe/notes/${note.id}` })
    })
  } catch (error) {
    if (!(error instanceof SqlError) || error.kind !== 'constraint') throw error
    return new Answer(409, { type: 'duplicate', message: error.constraint.columns.join() })
  }
}

function fail({ query: asked }) {
  console.warn('about to fail', { how: asked.get('how') })
  if (asked.get('how') === 'at length') throw new RangeError('é'.repeat(10_000_000))
  throw new RangeError('beyond reason')
}

const anyone = (method, path, handler) => ({ method, path: `/store/probe/${path}`, access: 'anyone', handler })

export const http = routes([
  anyone('GET', 'random', () => [drawnAtTheBuild, Math.random(), crypto.randomUUID()]),
  anyone('GET', 'clock', () => {
    const from = performance.now()
    const now = Date.now()
    return [now, performance.now() - from]
  }),
  anyone('GET', 'notes', () => query('select id, name, size, 9007199254740991 from note order by id')),
  anyone('POST', 'notes/{name}', add),
  anyone('POST', 'echo', (request) => request.json()),
  anyone('GET', 'fail', fail),
])
