//! The folder `wares` of a project in Go: the bindings that wit-bindgen makes of the project's
//! contracts, and of the SDK what these have a use for.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use wit_bindgen_core::Files;
use wit_bindgen_go::{Format, Opts};

use crate::cli::new::FILES;

/// The folder in a project, and the Go module in it.
pub(in crate::cli) const FOLDER: &str = "wares";
/// The files of the SDK among those that the binary carries.
const OF_SDK: &str = "shared/go/wares/";
/// Where the bindings of interfaces are in the module.
const IMPORTS: &str = "imports/";
/// How an import of one begins in a file of the SDK.
const IMPORTED: &str = "\"wares/imports/";

/// Writes the folder into a project that has its contracts, and returns the number of files.
pub(in crate::cli) fn write(project: &Path) -> anyhow::Result<usize> {
    let bindings = generate(&project.join("wit"))?;
    let folder = project.join(FOLDER);
    match fs::remove_dir_all(folder.join(IMPORTS)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).context("cannot remove the bindings that were there");
        }
        _ => {}
    }
    let interfaces: BTreeSet<&str> = bindings
        .iter()
        .filter_map(|(path, _)| Some(path.strip_prefix(IMPORTS)?.split_once('/')?.0))
        .collect();
    let sdk = FILES.iter().filter_map(|(path, text)| {
        let path = path.strip_prefix(OF_SDK)?;
        is_of_use(text, &interfaces).then_some((path, text.as_bytes()))
    });
    // The SDK has a go.mod with the module's name.
    let bindings = bindings.iter().filter(|(path, _)| *path != "go.mod");
    let files: Vec<_> = bindings.chain(sdk).collect();
    for (path, bytes) in &files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(files.len())
}

/// The bindings of the one world in a folder, by their paths in the module.
fn generate(wit: &Path) -> anyhow::Result<Files> {
    let failed = || format!("no bindings can be made of {}", wit.display());
    let (mut resolve, world) = super::world(wit).with_context(failed)?;
    let options = Opts {
        // What a gofmt of this machine makes of them is the same on no other.
        format: Format::False,
        pkg_name: Some(FOLDER.to_owned()),
        // It would tell which version of `go.bytecodealliance.org/pkg` to get: the SDK has it.
        quiet: true,
        ..Opts::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .with_context(failed)?;
    Ok(files)
}

/// Whether all interfaces whose bindings a file of the SDK imports are in the world.
fn is_of_use(text: &str, interfaces: &BTreeSet<&str>) -> bool {
    let imports = text.split(IMPORTED).skip(1);
    imports
        .filter_map(|rest| rest.split('"').next())
        .all(|name| interfaces.contains(name))
}
