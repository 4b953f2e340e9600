//! What fuzzers and properties ask of the inside: anything that can be sent, read as
//! every route would read it.

use wares_module_kit::entity::Entity;
use wares_module_kit::fault::Fault;
use wares_module_kit::filter::Search;
use wares_module_kit::http::body::Body;
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters;
use wares_module_kit::http::route::Query;
use wares_module_kit::sql::{Spy, SqlStore};

use crate::domain::Domain;
use crate::hooks::NoHooks;
use crate::settings::{Compat, Settings};

/// A domain with no data.
type Bare = Domain<SqlStore<Spy>, NoHooks>;

/// The search of a list of an entity for a query.
///
/// # Errors
/// When a parameter is wrong or not known.
pub fn searched(entity: &'static Entity, query: &str) -> Result<Search, Fault> {
    let mut lists = Bare::ROUTES.iter();
    let filters = lists.find_map(|route| match route.declaration.query {
        Query::List(filters) if filters.entity == entity => Some(filters),
        _ => None,
    });
    let Some(filters) = filters else {
        return Err(Fault::Internal(format!("{entity:?} has no list")));
    };
    let (paging, defaults) = (Compat::Document.paging(), Selection::shown(entity));
    parameters::list(filters, query, &(), paging, &defaults).map(|list| list.search)
}

/// Reads a body as every route would that takes one, in both settings.
pub fn read_as_any(bytes: &[u8]) {
    for read in Bare::ROUTES
        .iter()
        .filter_map(|route| route.declaration.body)
    {
        for compat in [Compat::Document, Compat::Medusa2] {
            if let Ok(mut body) = Body::parse(bytes) {
                let settings = Settings {
                    compat,
                    ..Settings::default()
                };
                read(&mut body, settings);
                // Its issues are the only result.
                let _ = body.finish();
            }
        }
    }
}
