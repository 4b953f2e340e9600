"""A module that uses all of the SDK: tests/front_door/author_sdks.rs asks it what the host sees."""

import logging
import random
import time
import uuid
from typing import Any

from wares import Problem, sql
from wares.events import emit
from wares.guard import guarded
from wares.http import Answer, Request, Routes
from wares.lifecycle import lifecycle
from wit_world.exports.migrations import Migration

drawn_at_the_build = random.random()

Lifecycle = lifecycle("probe", "0.1.0", "Uses the SDK")

TABLE = "create table note (id integer primary key, name text not null unique, size real);"


@guarded
class Migrations:
    def every(self, dialect: str) -> list[Migration]:
        return [Migration("0001_note", TABLE)]

    def count_required(self) -> int:
        return 1


routes = Routes()


@routes.get("/store/probe/random", access="anyone")
def draw(_: Request) -> list[Any]:
    return [drawn_at_the_build, random.random(), str(uuid.uuid4())]


@routes.get("/store/probe/clock", access="anyone")
def clock(_: Request) -> list[float]:
    start = time.monotonic()
    return [time.time() * 1000, (time.monotonic() - start) * 1000]


@routes.get("/store/probe/notes", access="anyone")
def notes(_: Request) -> list[Any]:
    return sql.query("select id, name, size, 9007199254740991 from note order by id")


@routes.post("/store/probe/notes/{name}", access="anyone")
def add(request: Request) -> Answer:
    name = request.parameters["name"]
    insert = "insert into note (name, size) values ($1, $2) returning id, name, size"
    try:
        with sql.transaction() as tx:
            [note] = tx.query(insert, [name, float(request.query["size"][0])], ["id", "name", "size"])
            emit(tx, "note.created", note)
            if "then" in request.query:
                raise Problem(409, "not_allowed", f"{name} is not kept")
    except sql.SqlError as error:
        if error.kind != "constraint":
            raise
        return Answer(409, {"type": "duplicate", "message": ",".join(error.constraint.columns)})
    return Answer(201, note, {"location": f"/store/probe/notes/{note['id']}"})


@routes.post("/store/probe/echo", access="anyone")
def echo(request: Request) -> Any:
    return request.json()


@routes.get("/store/probe/fail", access="anyone")
def fail(request: Request) -> None:
    [how] = request.query["how"]
    logging.getLogger(__name__).warning('about to fail {"how":"%s"}', how)
    raise ValueError("é" * 10_000_000 if how == "at length" else "beyond reason")


Http = routes.interface()
