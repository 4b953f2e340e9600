//! Loads and verifies a version beside requests: on a copy of the data, with one
//! request. Changes nothing that is served.

use std::sync::Arc;

use super::change::{Change, NotInService};
use super::{ChangeError, Manager, lock};
use crate::components::answers::fault_in;
use crate::components::contract::{Access, Actor, ActorKind, Method, Request, Response, Route};
use crate::components::source::{Origin, Rank, Source, version_name};
use crate::components::store::ComponentStoreError;
use crate::components::version::{Version, VersionError};
use crate::digest::Digest;
use crate::engine::{Grants, LoadError};
use crate::fault::fault;
use crate::printable::printable_line;
use crate::storage::{DataFolder, Database, Installed, Schema, now};

/// Bytes that a message shows of the body of an answer.
const ANSWER_BYTES_MAX: usize = 500;

impl Change<'_> {
    /// Loads a component, and verifies that it can be a version of the module.
    pub(super) fn verified(
        &self,
        bytes: &[u8],
        digest: Digest,
        grants: &Grants,
    ) -> Result<Arc<Version>, ChangeError> {
        let module = self
            .manager
            .load(self.name(), bytes, digest, Some(grants))?;
        self.verify(&module)?;
        let module = Arc::new(module);
        self.manager.check_routes(&module, None)?;
        Ok(module)
    }

    /// Rehearses another version's schema on a copy of the data, and has it answer
    /// once, by which nothing changes.
    pub(super) fn verify(&self, module: &Version) -> Result<(), ChangeError> {
        let (manager, database) = (self.manager, &self.module.database);
        manager.aside(|| {
            fault("verify.begun");
            if database
                .pending(module.schema())
                .map_err(ChangeError::Migration)?
                .is_empty()
            {
                manager.probe(module, database)
            } else {
                manager.rehearse(Some(database), module)
            }
        })
    }
}

impl Change<'_, NotInService> {
    /// Loads a component, and verifies that it can be the first version of the module in
    /// service: on a copy of the data that is there of the module, or on a new database.
    pub(super) fn verified(
        &self,
        bytes: &[u8],
        digest: Digest,
        grants: &Grants,
    ) -> Result<Arc<Version>, ChangeError> {
        let manager = self.manager;
        let module = Arc::new(manager.load(&self.name, bytes, digest, Some(grants))?);
        manager.check_routes(&module, None)?;
        self.verify(&module)?;
        Ok(module)
    }

    /// Rehearses the schema on a copy of the data that is there of the module, or on a new
    /// database, and has the version answer once.
    pub(super) fn verify(&self, module: &Version) -> Result<(), ChangeError> {
        let manager = self.manager;
        let file = manager.options.data.database(&self.name);
        manager.aside(|| {
            fault("verify.begun");
            if !file.exists() {
                return manager.rehearse(None, module);
            }
            let database = module.database_at(&file)?;
            let rehearsed = manager.rehearse(Some(&database), module);
            database.close();
            rehearsed
        })
    }
}

impl Manager {
    /// Runs a version's migrations on a copy of this data, or on a new database, and has it
    /// answer there.
    fn rehearse(&self, data: Option<&Database>, module: &Version) -> Result<(), ChangeError> {
        let copy = tempfile::Builder::new()
            .prefix(DataFolder::REHEARSAL)
            .tempdir_in(self.options.data.path())
            .map_err(|source| ComponentStoreError::File {
                path: self.options.data.path().to_owned(),
                source,
            })?;
        let file = copy.path().join("copy.db");
        if let Some(data) = data {
            data.copy_to(&file)?;
        }
        let rehearsal = module.database_at(&file)?;
        rehearsal
            .migrate(module.schema())
            .map_err(ChangeError::Migration)?;
        let probed = self.probe(module, &rehearsal);
        rehearsal.close();
        probed
    }

    /// Has a module answer one request on a database, as one that is served would have to.
    fn probe(&self, module: &Version, database: &Database) -> Result<(), ChangeError> {
        let Some((request, route)) = simple_request(module) else {
            return Ok(());
        };
        let failed = |reason: String| ChangeError::Probe { route, reason };
        let response = match module.rehearse(&request, database) {
            Ok(response) => response,
            Err(error) => return Err(failed(error.to_string())),
        };
        let answered = answered(&response);
        if (500..600).contains(&response.status) {
            return Err(failed(answered));
        }
        match fault_in(&response) {
            Some(fault) => Err(failed(format!("{fault}; {answered}"))),
            None => Ok(()),
        }
    }

    /// Has components called, or compiled, where that is in no request's way.
    fn aside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, ChangeError> + Send,
    ) -> Result<T, ChangeError> {
        self.engine.aside(work).map_err(|error| match error {
            LoadError::AsideBusy(others) => ChangeError::AsideBusy(others),
            error => ChangeError::Component(error.to_string()),
        })?
    }

    /// Loads a component as a version of a module, with these grants or those that the module
    /// has.
    pub(super) fn load(
        &self,
        name: &str,
        bytes: &[u8],
        digest: Digest,
        grants: Option<&Grants>,
    ) -> Result<Version, ChangeError> {
        let source = Source {
            origin: format!("the component for {name}"),
            since: None,
            name: None,
            bytes: bytes.to_vec().into(),
            digest,
            rank: Rank::Active,
            signature: None,
        };
        let module = self.load_with(&source, grants.map(|grants| (name, grants)))?;
        if module.name() != name {
            return Err(ChangeError::Component(format!(
                "it is the module '{}', not '{name}'",
                module.name()
            )));
        }
        Ok(module)
    }

    /// Loads an installed version, unless it is the one that was replaced last. Its file has
    /// to be there in either case: the next start needs it.
    pub(super) fn load_version(
        &self,
        name: &str,
        version: &Installed,
    ) -> Result<Version, ChangeError> {
        let bytes = self.versions.read(version.digest)?;
        let replaced = self.served.get(name).and_then(|served| {
            let replaced = lock(&served.replaced);
            let same = replaced
                .as_ref()
                .filter(|replaced| replaced.digest() == version.digest);
            same.map(Version::again)
        });
        let mut module = match replaced {
            Some(module) => module,
            None => self.load(name, &bytes, version.digest, None)?,
        };
        module.come_from(Origin {
            rank: Rank::Active,
            label: version_name(name, version.digest),
            since: Some(now()),
        });
        Ok(module)
    }

    pub(super) fn load_source(&self, source: &Source) -> Result<Version, ChangeError> {
        self.load_with(source, None)
    }

    /// Loads a component. The grants are those of the module of this name.
    fn load_with(
        &self,
        source: &Source,
        grants: Option<(&str, &Grants)>,
    ) -> Result<Version, ChangeError> {
        let signed_by = self.options.trust.check_file(source)?;
        let module = self.aside(|| {
            fault("load.begun");
            let options = |name: &str| {
                let mut options = self.options_of(name);
                if let Some((of, grants)) = grants
                    && of == name
                {
                    options.grants = grants.clone();
                }
                options
            };
            Version::load(&self.engine, source, options, &self.options.asking).map_err(|error| {
                let reason = match error {
                    VersionError::Load {
                        source: LoadError::CompilerBusy(waiting),
                        ..
                    } => return ChangeError::CompilerBusy(waiting),
                    VersionError::Load {
                        source: LoadError::NotGranted { module, refused },
                        ..
                    } if !(self.modules)(&module).grants_are_set => {
                        let missing = refused.missing;
                        return ChangeError::NotGranted { module, missing };
                    }
                    VersionError::Load { source, .. } => source.to_string(),
                    other => other.to_string(),
                };
                ChangeError::Component(reason)
            })
        })?;
        Ok(module.signed_by(signed_by))
    }
}

/// Whether a version that runs can go on while another one's schema is in force.
pub(super) fn check_coexistence(
    database: &Database,
    current: &Schema,
    new: &Schema,
) -> Result<(), ChangeError> {
    let pending = database.pending(new).map_err(ChangeError::Migration)?;
    let needed = new
        .migrations_needed
        .map_or(new.migrations.len(), |needed| needed as usize);
    let known = current.migrations.len();
    if !pending.is_empty() && known < needed {
        return Err(ChangeError::Incompatible { known, needed });
    }
    Ok(())
}

/// The first request of a module that only reads and needs nothing else, as an
/// administrator.
fn simple_request(module: &Version) -> Option<(Request, String)> {
    let simple = |route: &&Route| {
        route.method == Method::Get && route.access == Access::Admin && !route.path.contains('{')
    };
    let (number, route) = (0..)
        .zip(module.routes())
        .find(|(_, route)| simple(route))?;
    let request = Request {
        route: number,
        path_parameters: Vec::new(),
        query: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
        actor: Some(Actor {
            kind: ActorKind::User,
            id: "probe".to_owned(),
        }),
        request_id: "probe".to_owned(),
    };
    Some((request, format!("GET {}", route.path)))
}

/// Says how a probe was answered.
pub(super) fn answered(response: &Response) -> String {
    let shown = &response.body[..response.body.len().min(ANSWER_BYTES_MAX)];
    let text = String::from_utf8_lossy(shown);
    let more = if shown.len() < response.body.len() {
        "…"
    } else {
        ""
    };
    match text.trim() {
        "" => format!("it answered {}", response.status),
        text => format!(
            "it answered {}: {}{more}",
            response.status,
            printable_line(text)
        ),
    }
}
