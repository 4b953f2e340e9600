//! `wares:module@2`: its exports in a component, and its types as the host's own.

use wasmtime::component::InstancePre;

use crate::engine::{CallState, Component, Guest, Question, Selecting};
use crate::storage;

use super::bindings::provider::exports::wares::module::provider;
use super::bindings::v2::exports::wares::module::{
    entities, http, lifecycle, migrations, seed, subscriber,
};
use super::{
    Access, ActorKind, Asking, DeclaredField, Description, Entity, Exports, Header, Major, Method,
    Migration, Request, Response, Route, SeedKind, Selected, SubscribedEvent, exports_no, shown,
};

const LIFECYCLE: &str = "wares:module/lifecycle@2.2.0";
const HTTP: &str = "wares:module/http@2.2.0";
const SEED: &str = "wares:module/seed@2.2.0";
const MIGRATIONS: &str = "wares:module/migrations@2.2.0";
const ENTITIES: &str = "wares:module/entities@2.2.0";
pub(super) const PROVIDER: &str = "wares:module/provider@2.2.0";
pub(super) const SUBSCRIBER: &str = "wares:module/subscriber@2.2.0";

pub(super) const MAJOR: Major = Major {
    interfaces: &[
        LIFECYCLE, HTTP, SEED, MIGRATIONS, ENTITIES, PROVIDER, SUBSCRIBER,
    ],
    find: |component| Ok(Box::new(V2::find(component)?)),
};

/// The methods of routes, by their names in the contract.
const METHODS: [(&str, Method); 5] = [
    ("GET", Method::Get),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
];

/// The callers that a route admits, by the names of the contract.
const ACCESSES: [(&str, Access); 2] = [("anyone", Access::Anyone), ("admin", Access::Admin)];

/// The indices of the functions of a module's interfaces in its component. wasmtime finds
/// those of any version 2, whichever minor version the host was built with.
struct V2 {
    lifecycle: lifecycle::GuestIndices,
    http: Option<http::GuestIndices>,
    seed: Option<seed::GuestIndices>,
    migrations: Option<migrations::GuestIndices>,
    entities: Option<entities::GuestIndices>,
    provider: Option<provider::GuestIndices>,
    subscriber: Option<subscriber::GuestIndices>,
}

impl V2 {
    fn find(component: &Component) -> wasmtime::Result<Self> {
        let pre: &InstancePre<CallState> = component.pre();
        let has = |interface: &str| component.has_export(interface).then_some(pre);
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(pre)?,
            http: has(HTTP).map(http::GuestIndices::new).transpose()?,
            seed: has(SEED).map(seed::GuestIndices::new).transpose()?,
            migrations: has(MIGRATIONS)
                .map(migrations::GuestIndices::new)
                .transpose()?,
            entities: has(ENTITIES).map(entities::GuestIndices::new).transpose()?,
            provider: has(PROVIDER).map(provider::GuestIndices::new).transpose()?,
            subscriber: has(SUBSCRIBER)
                .map(subscriber::GuestIndices::new)
                .transpose()?,
        })
    }
}

impl Exports for V2 {
    fn check(&self, guest: Guest<'_>) -> wasmtime::Result<()> {
        let Guest { store, instance } = guest;
        self.lifecycle.load(&mut *store, instance)?;
        if let Some(http) = &self.http {
            http.load(&mut *store, instance)?;
        }
        if let Some(seed) = &self.seed {
            seed.load(&mut *store, instance)?;
        }
        if let Some(migrations) = &self.migrations {
            migrations.load(&mut *store, instance)?;
        }
        if let Some(entities) = &self.entities {
            entities.load(&mut *store, instance)?;
        }
        if let Some(provider) = &self.provider {
            provider.load(&mut *store, instance)?;
        }
        if let Some(subscriber) = &self.subscriber {
            subscriber.load(&mut *store, instance)?;
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
        let Some(migrations) = &self.migrations else {
            return Ok(Vec::new());
        };
        let migrations = migrations.load(&mut *guest.store, guest.instance)?;
        let every = migrations.call_every(guest.store, storage::DIALECT)?;
        Ok(every.into_iter().map(Into::into).collect())
    }

    fn migrations_required(&self, guest: Guest<'_>) -> wasmtime::Result<Option<u32>> {
        let Some(migrations) = &self.migrations else {
            return Ok(None);
        };
        let migrations = migrations.load(&mut *guest.store, guest.instance)?;
        migrations.call_count_required(guest.store).map(Some)
    }

    fn routes(&self, guest: Guest<'_>) -> wasmtime::Result<Result<Vec<Route>, String>> {
        let Some(http) = &self.http else {
            return Ok(Ok(Vec::new()));
        };
        let http = http.load(&mut *guest.store, guest.instance)?;
        let routes = http.call_routes(guest.store)?;
        Ok(routes.into_iter().map(Route::try_from).collect())
    }

    fn schemas(&self, guest: Guest<'_>) -> wasmtime::Result<String> {
        let Some(http) = &self.http else {
            return Ok(String::new());
        };
        let http = http.load(&mut *guest.store, guest.instance)?;
        http.call_schemas(guest.store)
    }

    fn entities(&self, guest: Guest<'_>) -> wasmtime::Result<Vec<Entity>> {
        let Some(entities) = &self.entities else {
            return Ok(Vec::new());
        };
        let entities = entities.load(&mut *guest.store, guest.instance)?;
        let every = entities.call_every(guest.store)?;
        Ok(every.into_iter().map(Into::into).collect())
    }

    fn fields(&self, guest: Guest<'_>) -> wasmtime::Result<Vec<DeclaredField>> {
        let Some(provider) = &self.provider else {
            return Ok(Vec::new());
        };
        let provider = provider.load(&mut *guest.store, guest.instance)?;
        let fields = provider.call_fields(guest.store)?;
        Ok(fields.into_iter().map(Into::into).collect())
    }

    fn values(
        &self,
        guest: Guest<'_>,
        question: &Question<'_, Asking<'_>>,
    ) -> wasmtime::Result<Result<Vec<Vec<String>>, String>> {
        let provider = self.provider.as_ref().ok_or_else(|| exports_no(PROVIDER))?;
        let provider = provider.load(&mut *guest.store, guest.instance)?;
        let asked = question.of.asked.iter().map(|asked| provider::Asked {
            name: asked.name.to_owned(),
            fields: asked.fields.clone(),
        });
        provider.call_values(
            guest.store,
            question.context,
            question.entity,
            &asked.collect::<Vec<_>>(),
            question.of.ids,
        )
    }

    fn select(
        &self,
        guest: Guest<'_>,
        question: &Question<'_, Selecting<'_>>,
        limit: u32,
    ) -> wasmtime::Result<Result<Selected, String>> {
        let provider = self.provider.as_ref().ok_or_else(|| exports_no(PROVIDER))?;
        let provider = provider.load(&mut *guest.store, guest.instance)?;
        let Selecting { name, conditions } = question.of;
        let (context, entity) = (question.context, question.entity);
        let selected =
            provider.call_select(guest.store, context, entity, name, conditions, limit)?;
        Ok(selected.map(Into::into))
    }

    fn handle(&self, guest: Guest<'_>, request: &Request) -> wasmtime::Result<Response> {
        let http = self.http.as_ref().ok_or_else(|| exports_no(HTTP))?;
        let http = http.load(&mut *guest.store, guest.instance)?;
        let path_parameters: Vec<&str> =
            request.path_parameters.iter().map(String::as_str).collect();
        let headers: Vec<http::HeaderParam<'_>> = request.headers.iter().map(Into::into).collect();
        let actor = request.actor.as_ref().map(|actor| http::Actor {
            kind: match actor.kind {
                ActorKind::User => "user",
                ActorKind::ApiKey => "api-key",
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

    fn subscriptions(&self, guest: Guest<'_>) -> wasmtime::Result<Vec<String>> {
        let Some(subscriber) = &self.subscriber else {
            return Ok(Vec::new());
        };
        let subscriber = subscriber.load(&mut *guest.store, guest.instance)?;
        subscriber.call_names(guest.store)
    }

    fn take_event(
        &self,
        guest: Guest<'_>,
        event: &SubscribedEvent,
    ) -> wasmtime::Result<Result<(), String>> {
        let subscriber = self.subscriber.as_ref();
        let subscriber = subscriber.ok_or_else(|| exports_no(SUBSCRIBER))?;
        let subscriber = subscriber.load(&mut *guest.store, guest.instance)?;
        let event = subscriber::Event {
            id: &event.id,
            name: &event.name,
            component: &event.component,
            entity: &event.entity,
            key: &event.key,
            data: &event.data,
            time: &event.time,
            attempt: event.attempt,
        };
        subscriber.call_handle(guest.store, event)
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
        seed.call_seed(guest.store, kind, count)
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

impl From<migrations::Migration> for Migration {
    fn from(migration: migrations::Migration) -> Self {
        Self {
            name: migration.name,
            statements: migration.statements,
        }
    }
}

impl From<entities::Entity> for Entity {
    fn from(entity: entities::Entity) -> Self {
        Self {
            name: entity.name,
            schema: entity.schema,
            names: entity.names,
            lists: entity.lists,
        }
    }
}

impl From<provider::Field> for DeclaredField {
    fn from(field: provider::Field) -> Self {
        Self {
            entity: field.entity,
            name: field.name,
            schema: field.schema,
            filterable: field.filterable,
        }
    }
}

impl From<provider::Selected> for Selected {
    fn from(selected: provider::Selected) -> Self {
        match selected {
            provider::Selected::Ids(ids) => Self::Ids(ids),
            provider::Selected::AllBut(ids) => Self::AllBut(ids),
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

impl TryFrom<http::Route> for Route {
    type Error = String;

    fn try_from(route: http::Route) -> Result<Self, String> {
        let method = known(&METHODS, &route.path, "method", &route.method)?;
        let access = known(&ACCESSES, &route.path, "access", &route.access)?;
        Ok(Self {
            method,
            path: route.path,
            access,
            headers: route.headers,
            operation: route.operation,
        })
    }
}

/// Returns the meaning of a name in a route.
///
/// # Errors
/// When the host does not know the name, with all that it knows.
fn known<T: Copy>(names: &[(&str, T)], path: &str, what: &str, name: &str) -> Result<T, String> {
    names
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            let known: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
            format!(
                "its route {} has the {what} '{}', and this host knows {}",
                shown(path),
                shown(name),
                known.join(", ")
            )
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_read_by_names_and_one_that_is_unknown_is_refused() {
        let route = |method: &str, access: &str| {
            let route = http::Route {
                method: method.to_owned(),
                path: "/admin/things".to_owned(),
                access: access.to_owned(),
                headers: Vec::new(),
                operation: String::new(),
            };
            Route::try_from(route).map(|route| (route.method, route.access))
        };
        assert_eq!(
            route("PATCH", "anyone"),
            Ok((Method::Patch, Access::Anyone))
        );
        assert_eq!(
            route("get", "admin"),
            Err(
                "its route /admin/things has the method 'get', and this host knows \
                 GET, POST, PUT, PATCH, DELETE"
                    .to_owned()
            )
        );
        assert_eq!(
            route("GET", "some\u{1b}one"),
            Err(
                "its route /admin/things has the access 'some\\u{1b}one', and this host knows \
                 anyone, admin"
                    .to_owned()
            )
        );
    }
}
