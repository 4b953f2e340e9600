//! The names that a module uses most: `use wares_module_kit::prelude::*`.

pub use crate::caller::Caller;
#[cfg(target_family = "wasm")]
pub use crate::component::{Database, Module, Seed};
pub use crate::entity::{Column, Columns, Entity, Join, Relation, Table};
pub use crate::fault::Fault;
pub use crate::filter::{Comparison, Filter, Search, searched};
pub use crate::http::body::Body;
pub use crate::http::exchange::{self, Answer, Request};
pub use crate::http::fields::Selection;
pub use crate::http::parameters::{self, Filters, Paging, Parameter};
pub use crate::http::route::{Declaration, Method, Route};
pub use crate::issue::{Issue, nuls};
pub use crate::metadata::Metadata;
pub use crate::records::{Cell, Records};
pub use crate::sql::{Migration, SqlStore, SqlTransaction};
pub use crate::store::{Page, Read, Searches, StoreError, Transaction, must_find};
pub use crate::{clock, ids};
