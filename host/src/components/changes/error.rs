//! Why a change of a module was not made.

use crate::components::candidates::REASON_BYTES_MAX;
use crate::components::signature::SignatureError;
use crate::components::store::ComponentStoreError;
use crate::digest::Digest;
use crate::files;
use crate::printable::cut;
use crate::storage::{MigrationError, SqlError, StorageError};

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No module of this name is served.
    #[error("there is no module {0}")]
    UnknownModule(String),
    /// The module has installed versions alone.
    #[error(
        "no version of the module {0} is in service: `wares module activate {0} DIGEST` puts one in service, and \
         `wares module list {0}` has those that are installed"
    )]
    NotInService(String),
    /// No component of the module worked when the host started.
    #[error(
        "the module {module} is not served, since it failed at the start: {reason}. Put a component that works \
         into the folder of modules, or name one with modules.{module}.component, and start the host again"
    )]
    NotServed {
        /// The module.
        module: String,
        /// The fault of the first component.
        reason: String,
    },
    /// The module has no such version.
    #[error("the module {module} has no version {digest}")]
    UnknownVersion {
        /// The module.
        module: String,
        /// The requested digest.
        digest: String,
    },
    /// More than one version begins like this.
    #[error("the module {module} has several versions that begin with {digest}")]
    Ambiguous {
        /// The module.
        module: String,
        /// The requested digest.
        digest: String,
    },
    /// The settings name the component.
    #[error("modules.{0}.component names the component of this module: change it there")]
    Pinned(String),
    /// Another change of the module is under way.
    #[error(
        "another change of the module {0} is under way: wait for its end, or see `wares module status {0}`"
    )]
    Busy(String),
    /// The queue of components to be compiled is full.
    #[error("{0} components wait to be compiled already: try again in a moment")]
    CompilerBusy(usize),
    /// Too many components are being loaded or verified.
    #[error("{0} components are loaded or verified already: try again in a moment")]
    AsideBusy(usize),
    /// The host itself failed. The change was not made, or can be undone.
    #[error("{0}")]
    Fault(String),
    /// The module is out of service, and something of it could not be removed.
    #[error(
        "the module {module} is out of service, and not all that is kept of it could be removed: {reason}"
    )]
    HalfRemoved {
        /// The module.
        module: String,
        /// What is left, and why.
        reason: String,
    },
    /// The component is too large.
    #[error("the component has {bytes} bytes, more than {max} (compile.component_bytes_max)")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The bytes do not have the announced digest.
    #[error("the component has the digest {actual}, not {expected}")]
    Digest {
        /// The announced digest.
        expected: String,
        /// Their digest.
        actual: Digest,
    },
    /// The signature is no proof.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The component does not load, or is another module.
    #[error("{0}")]
    Component(String),
    /// The migrations do not run.
    #[error("the schema: {0}")]
    Migration(MigrationError),
    /// The current version could not work after the migrations of the new one.
    #[error(
        "the version in service knows {known} migrations, and {needed} are needed once this one's have run: \
         stop the host, and activate it then"
    )]
    Incompatible {
        /// The number that the current version knows.
        known: usize,
        /// The number that the new one requires.
        needed: usize,
    },
    /// It does not answer.
    #[error("the probe {route} failed: {reason}")]
    Probe {
        /// The request.
        route: String,
        /// The failure.
        reason: String,
    },
    /// As many modules are served as the host has room for.
    #[error(
        "{0} modules are served, and the host has instances for the calls of no more: start it again, which makes \
         room for more"
    )]
    NoRoom(usize),
    /// The component wants more than its module is granted.
    #[error(
        "the component wants {}, which the module {module} is not granted: install it with {}, or set \
         modules.{module}.grants",
        missing.join(" and "),
        missing.iter().map(|grant| format!("--grant {grant}")).collect::<Vec<_>>().join(" ")
    )]
    NotGranted {
        /// The module.
        module: String,
        /// The missing grants.
        missing: Vec<String>,
    },
    /// The settings say what the module is granted.
    #[error("modules.{0}.grants says what this module is granted: change it there")]
    GrantsAreSet(String),
    /// No module in service has the extension point.
    #[error(
        "no module in service has the extension point {point}: {}",
        those("points", known)
    )]
    UnknownPoint {
        /// The requested point.
        point: String,
        /// The points of modules in service.
        known: Vec<String>,
    },
    /// A text without a namespace stands for several points.
    #[error("{point} is the name of several extension points: write {}", named.join(" or "))]
    AmbiguousPoint {
        /// The requested point.
        point: String,
        /// The points that have it as their name.
        named: Vec<String>,
    },
    /// The extension is not in service, or does not fill the point.
    #[error(
        "no extension in service that fills {point} has the name {name}: {}",
        those("extensions", fill)
    )]
    NoExtension {
        /// The requested name.
        name: String,
        /// The point.
        point: String,
        /// The extensions that fill it.
        fill: Vec<String>,
    },
    /// The settings have the order of extensions.
    #[error("extensions.order has the order in which extensions are called: change it there")]
    OrderIsSet,
    /// The module takes no events.
    #[error("the module {0} takes no events: it exports no wares:module/subscriber")]
    NoSubscriber(String),
    /// There is no such event, or it is not kept as a delivery.
    #[error("{0}")]
    NoEvent(String),
    /// The version is in use.
    #[error("{0}")]
    InUse(String),
    /// No host serves requests that a canary could answer.
    #[error(
        "no version of the module {0} can be canary, since no host serves this data folder: a canary is judged by what \
         it answers, and ends with the host. Start `wares serve` first, or put the version in service at once"
    )]
    NoHost(String),
    /// No version can be rolled back to, promoted or withdrawn.
    #[error("{0}")]
    Nothing(String),
    /// The disk, or a file on it.
    #[error(transparent)]
    ComponentStore(#[from] ComponentStoreError),
    /// The host's own database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The module's database.
    #[error("the module's database: {0}")]
    Database(#[from] SqlError),
}

impl ChangeError {
    /// The text of the error. Names in it are the component's, of any length.
    pub fn reason(&self) -> String {
        cut(&self.to_string(), REASON_BYTES_MAX).into_owned()
    }

    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::ComponentStore(ComponentStoreError::File { source, .. }) => {
                files::is_full(source)
            }
            Self::Storage(error) => error.is_full(),
            Self::Database(error) => error.is_full(),
            Self::Migration(error) => error.is_full(),
            _ => false,
        }
    }
}

/// A list of the names that there are.
fn those(what: &str, names: &[String]) -> String {
    match names {
        [] => format!("there are no such {what}"),
        names => format!("the {what} are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_refused_change_is_bounded() {
        let long = "é".repeat(REASON_BYTES_MAX);
        for error in [
            ChangeError::Component(long.clone()),
            ChangeError::Migration(MigrationError::Changed(long.clone())),
            ChangeError::Probe {
                route: long.clone(),
                reason: "it answered 500".to_owned(),
            },
            ChangeError::Fault(long),
        ] {
            let reason = error.reason();
            assert!(reason.ends_with("é…"), "{reason}");
            assert!(reason.len() <= REASON_BYTES_MAX + "…".len());
        }
        let short = ChangeError::Component("it is another one".to_owned());
        assert_eq!(short.reason(), "it is another one");
    }
}
