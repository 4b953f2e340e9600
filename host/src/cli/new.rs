//! `wares new`: writes the project of an extension or a module, from templates that the
//! binary carries. Reads no settings, and asks no host and no network.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{go, text_out, write_line};
use crate::components::is_module_name;

include!(concat!(env!("OUT_DIR"), "/projects.rs"));

/// The folder of the templates for files that all projects in a language have.
const SHARED: &str = "shared";

/// The folder of the templates for modules. All others are for extensions, and have the
/// names of the modules that they extend.
const MODULE: &str = "module";

/// The language whose bindings this command writes: the tools of the others make them at each
/// build.
const GO: &str = "go";

/// The language whose SDK has the contracts.
const RUST: &str = "rust";

/// The cases for `wares test`, which are the same in all languages.
const CASES: &str = "cases.toml";

/// The name of the project in the templates, and as an identifier.
const PLACEHOLDERS: [&str; 2] = ["wares-template", "wares_template"];

#[derive(Args, Debug)]
#[command(
    after_help = "It writes a folder NAME with sources, tests, the contracts of this host, a lock file and a \
                  README that says how to build, test and install the component. If the folder is there \
                  already and is not empty, nothing is written."
)]
pub(super) struct Arguments {
    /// The name of the module, of its package and of the new folder: at most 64 lower-case
    /// letters, digits and `-`, of which the first is a letter.
    name: String,
    /// The language.
    #[arg(long, value_name = "LANG", value_parser = PossibleValuesParser::new(languages()))]
    lang: Option<String>,
    /// The module that the project extends at its hooks.
    #[arg(
        long,
        value_name = "MODULE",
        value_parser = PossibleValuesParser::new(extended()),
        default_value = extended()[0],
        conflicts_with = "module"
    )]
    extends: String,
    /// Write a module with a route of its own, which extends no other.
    #[arg(long)]
    module: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    check(&arguments.name)?;
    let Some(language) = &arguments.lang else {
        let known: Vec<String> = languages()
            .iter()
            .map(|known| format!("--lang {known}"))
            .collect();
        bail!("say in which language: {}", known.join(" or "));
    };
    let project = Project {
        name: &arguments.name,
        language,
        kind: match arguments.module {
            true => MODULE,
            false => &arguments.extends,
        },
    };
    let count = project.write(Path::new("."))?;
    let name = project.name;
    write_line(
        &mut text_out(),
        format_args!(
            "{name}: {count} files; {name}/README.md says how to build, test and install it"
        ),
    )?;
    Ok(())
}

/// The languages that there are templates for.
fn languages() -> Vec<&'static str> {
    let paths = FILES.iter().filter_map(|(path, _)| path.split_once('/'));
    let shared = paths.filter(|(folder, _)| *folder == SHARED);
    let languages: BTreeSet<&str> = shared
        .filter_map(|(_, path)| Some(path.split_once('/')?.0))
        .collect();
    languages.into_iter().collect()
}

/// The modules that there are templates of extensions for.
fn extended() -> Vec<&'static str> {
    let folders = FILES.iter().filter_map(|(path, _)| path.split_once('/'));
    let kinds: BTreeSet<&str> = folders.map(|(folder, _)| folder).collect();
    let extended = kinds
        .into_iter()
        .filter(|kind| ![SHARED, MODULE].contains(kind));
    extended.collect()
}

/// Whether host, Cargo and npm take this name.
fn check(name: &str) -> anyhow::Result<()> {
    let begins_with_letter = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !is_module_name(name) || !begins_with_letter {
        bail!(
            "a project cannot have the name '{name}': a name is at most 64 lower-case letters, digits and \
             '-', and its first is a letter"
        );
    }
    if extended().contains(&name) {
        bail!(
            "a project cannot have the name '{name}', which is that of a module of this host: installed, it \
             would be a version of that module. Choose another name"
        );
    }
    Ok(())
}

struct Project<'a> {
    name: &'a str,
    language: &'a str,
    kind: &'a str,
}

impl Project<'_> {
    /// Writes all files, or none: they get their folder once all are written. Returns
    /// their number.
    fn write(&self, parent: &Path) -> anyhow::Result<usize> {
        let rough = tempfile::Builder::new()
            .prefix(".wares-new-")
            .tempdir_in(parent)
            .context("cannot make a folder here")?;
        let folder = rough.path().join(self.name);
        let files = self.files();
        let mut count = files.len();
        for (path, text) in &files {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, text))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.language == GO {
            count += go::bindings::write(&folder)?;
        }
        // The system replaces an empty folder alone.
        fs::rename(&folder, parent.join(self.name)).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => anyhow!(
                "the folder {} is there already, and it is not empty: nothing was written",
                self.name
            ),
            ErrorKind::NotADirectory => anyhow!(
                "{} is there already, and it is no folder: nothing was written",
                self.name
            ),
            _ => anyhow::Error::new(error).context(format!("cannot make the folder {}", self.name)),
        })?;
        Ok(count)
    }

    /// The files by their paths in the project's folder.
    fn files(&self) -> Vec<(&'static str, String)> {
        let Self { kind, language, .. } = self;
        let folders = [
            format!("{SHARED}/{language}/"),
            format!("{kind}/{language}/"),
        ];
        let [dashed, underscored] = PLACEHOLDERS;
        let identifier = self.name.replace('-', "_");
        let sources = FILES.iter().filter_map(|(path, text)| {
            let cases = path
                .strip_prefix(*kind)
                .and_then(|path| path.strip_prefix('/'));
            let path = folders
                .iter()
                .find_map(|folder| path.strip_prefix(&**folder))
                .or(cases.filter(|path| *path == CASES))?;
            // What the project has a use for is written with its bindings.
            if self.language == GO && path.starts_with(go::bindings::FOLDER) {
                return None;
            }
            let text = text.replace(dashed, self.name);
            Some((path, text.replace(underscored, &identifier)))
        });
        let contracts = FILES.iter().filter(|_| *language != RUST);
        let contracts = contracts.filter_map(|(path, text)| {
            let path = path.strip_prefix(*kind)?.strip_prefix('/')?;
            path.starts_with("wit/").then(|| (path, (*text).to_owned()))
        });
        sources.chain(contracts).collect()
    }
}
