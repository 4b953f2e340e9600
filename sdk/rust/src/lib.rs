//! What modules and extensions of Wares in Rust import: traits for what the host asks of a
//! component, and functions for what a component asks of the host.
//!
//! A component is a type that implements [`Component`] and the traits of what it has, and is
//! exported with them by [`export!`]. This one is a whole extension of the customers module:
//!
//! ```no_run
//! use wares_module::customer::NewCustomer;
//! use wares_module::{Component, Context, CustomerHooks, Rejection, settings};
//!
//! struct Policy;
//!
//! wares_module::export!(Policy: CustomerHooks);
//!
//! impl Component for Policy {
//!     const SETTINGS: &'static [&'static str] = &["refused_domain"];
//! }
//!
//! impl CustomerHooks for Policy {
//!     fn before_create_customer(_: Context, value: NewCustomer) -> Result<NewCustomer, Rejection> {
//!         let refused = settings::get("refused_domain").unwrap_or_default();
//!         match value.email.as_deref().and_then(|email| email.split_once('@')) {
//!             Some((_, domain)) if domain == refused => {
//!                 wares_module::info!("refuses an address of {domain}");
//!                 Err(Rejection::new("This address is not accepted").field("email"))
//!             }
//!             _ => Ok(value),
//!         }
//!     }
//! }
//! ```
//!
//! and this one a module with a table and a route, which counts how often a name was greeted:
//!
//! ```no_run
//! use wares_module::{Component, Http, Migration, Migrations, Request, Response, Route};
//! use wares_module::{params, sql};
//! use serde_json::json;
//!
//! struct Greetings;
//!
//! wares_module::export!(Greetings: Http, Migrations);
//!
//! impl Component for Greetings {}
//!
//! impl Migrations for Greetings {
//!     const MIGRATIONS: &'static [Migration] = &[Migration {
//!         name: "0001_greeting",
//!         statements: "create table greeting (name text primary key, times integer not null) strict;",
//!     }];
//! }
//!
//! impl Http for Greetings {
//!     fn routes() -> Vec<Route> {
//!         vec![Route::post("/admin/greetings/{name}", greet)]
//!     }
//! }
//!
//! fn greet(request: &Request) -> Result<Response, wares_module::Error> {
//!     let writes = sql::Transaction::begin()?;
//!     let rows = writes.query(
//!         "insert into greeting (name, times) values ($1, 1)
//!          on conflict (name) do update set times = times + 1 returning times",
//!         params![request.parameter("name")],
//!     )?;
//!     let times: i64 = rows.one()?.get("times")?;
//!     writes.emit("greeting.counted", &json!({"times": times}))?;
//!     writes.commit()?;
//!     Ok(Response::json(&json!({"times": times})))
//! }
//! ```
//!
//! A component imports what it calls and exports what it names, and no more; `wares inspect` shows
//! both. A panic is a failed call: its text and its place are in the host's log.

pub mod bindings;
mod component;
pub mod customer;
mod error;
mod export;
mod http;
pub mod ids;
mod log;
pub mod outbound;
pub mod panics;
pub mod provider;
mod query;
pub mod records;
pub mod rows;
pub mod settings;
pub mod sql;
mod subscriber;
pub mod time;

pub use component::{Component, Entities, Migration, Migrations, Package, Seed, SeedKind};
pub use customer::CustomerHooks;
pub use error::Error;
pub use http::{Http, Request, Response, Route};
#[doc(hidden)]
pub use log::write as __log;
pub use provider::Provider;
pub use query::Query;
pub use serde_json;
pub use subscriber::{Event, Subscriber};

pub use bindings::entities::exports::wares::module::entities::Entity;
pub use bindings::wares::platform::extended;
pub use bindings::wares::platform::hooks::{Actor, Context, Rejection};
pub use bindings::wasi::logging::logging::Level;

impl Rejection {
    /// A refusal, with one sentence for the person who asked.
    ///
    /// ```
    /// use wares_module::Rejection;
    ///
    /// let refusal = Rejection::new("Email addresses of spam.example are not accepted")
    ///     .field("email")
    ///     .code("refused_domain");
    /// assert_eq!(refusal.field.as_deref(), Some("email"));
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            field: None,
            code: None,
        }
    }

    /// The same, about a field of the request's body.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same, with a name of the reason for programs.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl Context {
    /// Reads the request's `additional_data`; `None` if it has none.
    ///
    /// # Errors
    /// A rejection that names the field, if the data are not of this form.
    ///
    /// ```
    /// use serde_json::Value;
    /// use wares_module::Context;
    ///
    /// let mut context = Context {
    ///     actor: None,
    ///     request_id: String::new(),
    ///     locale: None,
    ///     additional_data: Some(r#"{"vat_number": "ATU12345675"}"#.to_owned()),
    /// };
    /// let data: Value = context.data().unwrap().unwrap();
    /// assert_eq!(data["vat_number"], "ATU12345675");
    ///
    /// let refused = context.data::<u32>().unwrap_err();
    /// assert_eq!(refused.field.as_deref(), Some("additional_data"));
    /// context.additional_data = None;
    /// assert!(context.data::<Value>().unwrap().is_none());
    /// ```
    pub fn data<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, Rejection> {
        let Some(text) = &self.additional_data else {
            return Ok(None);
        };
        serde_json::from_str(text).map(Some).map_err(|error| {
            Rejection::new(format!("Field 'additional_data' cannot be read: {error}"))
                .field("additional_data")
        })
    }
}
