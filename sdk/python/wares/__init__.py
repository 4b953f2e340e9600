"""What components of Wares in Python share: hooks, routes, rows, events, settings and the log.

Each module imports no more of the host than its name says, so that a component wants what it
uses alone: `wares.sql` needs the grant `sql`, and a line in wit/world.wit."""

from .errors import Problem, Rejected

__all__ = ["Problem", "Rejected"]
