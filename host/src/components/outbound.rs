//! What the operator sets of a module's requests to other servers: its secrets, and who vouches
//! for the servers.

use std::fs;

use crate::config::Reader;
use crate::engine::{Destination, Roots, Secret};

/// The settings `modules.NAME.secrets` and `modules.NAME.ca_file`.
#[derive(Clone, Debug, Default)]
pub struct OutboundSettings {
    /// Sorted by name.
    pub secrets: Vec<Secret>,
    /// Authorities instead of the public ones.
    pub roots: Option<Roots>,
}

impl OutboundSettings {
    /// Reads them from the section of a module.
    pub(super) fn read(section: &str, reader: &mut Reader) -> Self {
        Self {
            roots: read_roots(&format!("{section}.ca_file"), reader),
            secrets: read_secrets(&format!("{section}.secrets"), reader),
        }
    }
}

fn read_roots(key: &str, reader: &mut Reader) -> Option<Roots> {
    let file = reader.text(
        key,
        "",
        "a PEM file of the authorities that vouch for the servers of its requests, instead of the public ones",
    );
    if file.is_empty() {
        return None;
    }
    let roots = fs::read(&file)
        .map_err(|error| error.to_string())
        .and_then(|pem| Roots::read(&pem));
    roots
        .map_err(|error| reader.refuse(key, &format!("is '{file}': {error}")))
        .ok()
}

fn read_secrets(key: &str, reader: &mut Reader) -> Vec<Secret> {
    let names = reader.names(key);
    if names.is_empty() {
        // For the list of all settings.
        Written::read(&format!("{key}.SECRET"), reader);
    }
    let mut secrets = Vec::new();
    for name in names {
        let key = format!("{key}.{name}");
        let written = Written::read(&key, reader);
        if written.is_nothing() {
            continue;
        }
        match written.secret(name) {
            Ok(secret) => secrets.push(secret),
            Err(why) => {
                let parts = ["value", "env", "file", "for"].map(|part| format!("{key}.{part}"));
                let set = parts.iter().find(|part| reader.is_set(part));
                reader.refuse(set.unwrap_or(&key), &why);
            }
        }
    }
    secrets
}

/// A secret as the settings have it.
struct Written {
    value: String,
    env: String,
    file: String,
    destinations: Vec<Destination>,
}

impl Written {
    fn read(key: &str, reader: &mut Reader) -> Self {
        let destinations = reader.list_of(
            &format!("{key}.for"),
            (
                "a list of destinations, each like https://api.mail.example/v1",
                "destination",
            ),
            "",
            "where requests with the secret may go",
            Destination::parse,
        );
        Self {
            value: reader.secret(&format!("{key}.value"), "a secret of the component"),
            env: reader.text(
                &format!("{key}.env"),
                "",
                "the environment variable that has the secret, instead of a value",
            ),
            file: reader.text(
                &format!("{key}.file"),
                "",
                "the file that has the secret, instead of a value; without a line break at its end",
            ),
            destinations: destinations.unwrap_or_default(),
        }
    }

    /// Whether nothing of it is set but empty values.
    fn is_nothing(&self) -> bool {
        let texts = [&self.value, &self.env, &self.file];
        texts.iter().all(|text| text.is_empty()) && self.destinations.is_empty()
    }

    /// Fetches the secret from where it is. The error says what is wrong, without any of it.
    fn secret(self, name: String) -> Result<Secret, String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !name.bytes().all(fits) {
            return Err(
                "is of a secret whose name has more than letters, digits, - and _".to_owned(),
            );
        }
        let (env, file) = (&self.env, &self.file);
        let value = match (&*self.value, &**env, &**file) {
            ("", "", "") => return Err("is of a secret without value, env and file".to_owned()),
            (_, "", "") => self.value,
            ("", _, "") => std::env::var(env)
                .map_err(|_| format!("names the environment variable {env}, which is not set"))?,
            ("", "", _) => fs::read_to_string(file)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("names the file {file}: {error}"))?,
            _ => return Err("is of a secret with more than one of value, env and file".to_owned()),
        };
        if value.is_empty() {
            return Err("is of a secret that is empty".to_owned());
        }
        if self.destinations.is_empty() {
            return Err("is of a secret that is for no destination: set its `for`".to_owned());
        }
        let destinations = self.destinations;
        Ok(Secret {
            name,
            value,
            destinations,
        })
    }
}
