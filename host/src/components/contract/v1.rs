//! `wares:module@1`: its exports in a component, and its types as the host's own.

use wasmtime::component::InstancePre;

use crate::engine::{CallState, Component, Guest};

use super::bindings::v1::exports::wares::module::{http, lifecycle, schema, seed};
use super::{
    Access, ActorKind, Description, Exports, Header, Major, Method, Migration, Request, Response,
    Route, SeedKind, exports_no,
};

const LIFECYCLE: &str = "wares:module/lifecycle@1.1.0";
const HTTP: &str = "wares:module/http@1.1.0";
const SEED: &str = "wares:module/seed@1.1.0";
const SCHEMA: &str = "wares:module/schema@1.1.0";

pub(super) const MAJOR: Major = Major {
    interfaces: &[LIFECYCLE, HTTP, SEED, SCHEMA],
    find: |component| Ok(Box::new(V1::find(component)?)),
};

/// The indices of the functions of a module's interfaces in its component. wasmtime finds
/// those of any version 1, whichever minor version the host was built with.
struct V1 {
    lifecycle: lifecycle::GuestIndices,
    http: Option<http::GuestIndices>,
    seed: Option<seed::GuestIndices>,
    /// `None` in every component that was built against 1.0.0, which has no such interface.
    schema: Option<schema::GuestIndices>,
}

impl V1 {
    fn find(component: &Component) -> wasmtime::Result<Self> {
        let pre: &InstancePre<CallState> = component.pre();
        let has = |interface: &str| component.has_export(interface).then_some(pre);
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(pre)?,
            http: has(HTTP).map(http::GuestIndices::new).transpose()?,
            seed: has(SEED).map(seed::GuestIndices::new).transpose()?,
            schema: has(SCHEMA).map(schema::GuestIndices::new).transpose()?,
        })
    }
}

impl Exports for V1 {
    fn check(&self, guest: Guest<'_>) -> wasmtime::Result<()> {
        let Guest { store, instance } = guest;
        self.lifecycle.load(&mut *store, instance)?;
        if let Some(http) = &self.http {
            http.load(&mut *store, instance)?;
        }
        if let Some(seed) = &self.seed {
            seed.load(&mut *store, instance)?;
        }
        if let Some(schema) = &self.schema {
            schema.load(&mut *store, instance)?;
        }
        Ok(())
    }

    fn describe(&self, guest: Guest<'_>) -> wasmtime::Result<Description> {
        let lifecycle = self.lifecycle.load(&mut *guest.store, guest.instance)?;
        Ok(lifecycle.call_describe(guest.store)?.into())
    }

    fn check_settings(&self, guest: Guest<'_>) -> wasmtime::Result<Result<(), Vec<String>>> {
        let lifecycle = self.lifecycle.load(&mut *guest.store, guest.instance)?;
        lifecycle.call_check_settings(guest.store)
    }

    fn migrations(&self, guest: Guest<'_>) -> wasmtime::Result<Vec<Migration>> {
        let lifecycle = self.lifecycle.load(&mut *guest.store, guest.instance)?;
        let migrations = lifecycle.call_migrations(guest.store, lifecycle::SqlDialect::Sqlite)?;
        Ok(migrations.into_iter().map(Into::into).collect())
    }

    fn migrations_required(&self, guest: Guest<'_>) -> wasmtime::Result<Option<u32>> {
        let Some(schema) = &self.schema else {
            return Ok(None);
        };
        let schema = schema.load(&mut *guest.store, guest.instance)?;
        schema.call_steps_needed(guest.store).map(Some)
    }

    fn routes(&self, guest: Guest<'_>) -> wasmtime::Result<Result<Vec<Route>, String>> {
        let Some(http) = &self.http else {
            return Ok(Ok(Vec::new()));
        };
        let http = http.load(&mut *guest.store, guest.instance)?;
        let routes = http.call_routes(guest.store)?;
        Ok(Ok(routes.into_iter().map(Into::into).collect()))
    }

    fn schemas(&self, guest: Guest<'_>) -> wasmtime::Result<String> {
        let Some(http) = &self.http else {
            return Ok(String::new());
        };
        let http = http.load(&mut *guest.store, guest.instance)?;
        http.call_schemas(guest.store)
    }

    fn handle(&self, guest: Guest<'_>, request: &Request) -> wasmtime::Result<Response> {
        let http = self.http.as_ref().ok_or_else(|| exports_no(HTTP))?;
        let http = http.load(&mut *guest.store, guest.instance)?;
        let path_parameters: Vec<&str> =
            request.path_parameters.iter().map(String::as_str).collect();
        let headers: Vec<http::HeaderParam<'_>> = request.headers.iter().map(Into::into).collect();
        let actor = request.actor.as_ref().map(|actor| http::Actor {
            kind: match actor.kind {
                ActorKind::User => http::ActorKind::User,
                ActorKind::ApiKey => http::ActorKind::ApiKey,
            },
            id: &actor.id,
        });
        let request = http::Request {
            route: request.route,
            path_parameters: &path_parameters,
            query: &request.query,
            headers: &headers,
            body: &request.body,
            actor,
            request_id: &request.request_id,
        };
        Ok(http.call_handle(guest.store, request)?.into())
    }

    fn seed_kinds(&self, guest: Guest<'_>) -> wasmtime::Result<Vec<SeedKind>> {
        let Some(seed) = &self.seed else {
            return Ok(Vec::new());
        };
        let seed = seed.load(&mut *guest.store, guest.instance)?;
        let kinds = seed.call_kinds(guest.store)?;
        Ok(kinds.into_iter().map(Into::into).collect())
    }

    fn seed(
        &self,
        guest: Guest<'_>,
        kind: u32,
        count: u32,
    ) -> wasmtime::Result<Result<(), String>> {
        let seed = self.seed.as_ref().ok_or_else(|| exports_no(SEED))?;
        let seed = seed.load(&mut *guest.store, guest.instance)?;
        seed.call_sow(guest.store, kind, count)
    }
}

impl From<lifecycle::Description> for Description {
    fn from(description: lifecycle::Description) -> Self {
        Self {
            name: description.name,
            version: description.version,
            summary: description.summary,
        }
    }
}

impl From<lifecycle::Migration> for Migration {
    fn from(migration: lifecycle::Migration) -> Self {
        Self {
            name: migration.name,
            statements: migration.statements,
        }
    }
}

impl From<seed::Kind> for SeedKind {
    fn from(kind: seed::Kind) -> Self {
        Self {
            name: kind.name,
            summary: kind.summary,
        }
    }
}

impl From<http::Route> for Route {
    fn from(route: http::Route) -> Self {
        Self {
            method: match route.method {
                http::Method::Get => Method::Get,
                http::Method::Post => Method::Post,
                http::Method::Put => Method::Put,
                http::Method::Patch => Method::Patch,
                http::Method::Delete => Method::Delete,
            },
            path: route.path,
            access: match route.access {
                http::Access::Anyone => Access::Anyone,
                http::Access::Admin => Access::Admin,
            },
            headers: route.headers,
            operation: route.operation,
        }
    }
}

impl<'a> From<&'a Header> for http::HeaderParam<'a> {
    fn from(header: &'a Header) -> Self {
        Self {
            name: &header.name,
            value: &header.value,
        }
    }
}

impl From<http::Response> for Response {
    fn from(response: http::Response) -> Self {
        let header = |header: http::HeaderResult| Header {
            name: header.name,
            value: header.value,
        };
        Self {
            status: response.status,
            headers: response.headers.into_iter().map(header).collect(),
            body: response.body,
        }
    }
}
