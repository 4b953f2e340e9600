//! `wares inspect`: what a component is and could do, without running a shop.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::setup::Setup;
use super::{Common, json_out, text_out, write_line};
use crate::components::{Source, Version, VersionError, method_name};
use crate::engine::{
    CoreModule, FIELDS, HOOKS, ImportKind, LoadError, Makeup, Measures, Shape, Tool,
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The component.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let setup = Setup::open(&arguments.common)?;
    let engine = setup.engine(1)?;
    let bytes_max = setup.settings.compile.component_bytes_max;
    let source = Source::read(&arguments.file, bytes_max)?;
    let mut shape = engine
        .inspect(&source.bytes)
        .map_err(|error| anyhow::anyhow!("{}: {error}", source.origin))?;
    let module = setup.module_to_inspect(&engine, &source);
    let unused_grants = match &module {
        Ok(module) if setup.has_grants(module.name()) => module.unused_grants(),
        _ => &[],
    };
    if let Err(VersionError::Load {
        source: LoadError::UnknownImports { imports, .. },
        ..
    }) = &module
    {
        for import in &mut shape.imports {
            if imports.contains(&import.name) {
                import.kind = ImportKind::Unknown;
            }
        }
    }
    if arguments.json {
        let report = report(&source, &shape, module.as_ref(), unused_grants);
        writeln!(json_out(), "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(
            &mut text_out(),
            &source,
            &shape,
            module.as_ref(),
            unused_grants,
        )?;
    }
    if module.is_err() {
        bail!("{}: it is refused, as said above", source.origin);
    }
    Ok(())
}

type Loaded<'a> = Result<&'a Version, &'a VersionError>;

fn report(source: &Source, shape: &Shape, module: Loaded<'_>, unused_grants: &[String]) -> Value {
    let imports: Vec<Value> = shape
        .imports
        .iter()
        .map(|import| {
            json!({
                "name": import.name,
                "kind": kind(import.kind),
                "grant": import.grant(),
                "summary": import.summary(),
            })
        })
        .collect();
    let exports: Vec<Value> = shape
        .exports
        .iter()
        .map(|export| json!({"name": export.name, "functions": export.functions}))
        .collect();
    let mut report = json!({
        "file": source.origin,
        "size_bytes": source.bytes.len(),
        "engine": shape.measures.size().name(),
        "measures": shape.measures,
        "languages": shape.makeup.languages,
        "tools": shape.makeup.tools,
        "core_modules": shape.makeup.core_modules,
        "imports": imports,
        "exports": exports,
    });
    match module {
        Ok(module) => {
            report["module"] = json!({
                "name": module.name(),
                "version": module.version().to_string(),
                "summary": module.summary(),
                "digest": module.digest(),
                "machine_code_bytes": module.machine_code_bytes(),
                "migrations": module.schema().migrations.len(),
                "grants": module.grants_needed(),
                "unused_grants": unused_grants,
                "extension_points_filled": module.points_filled(),
                "entities": module.entities().iter().map(|entity| &entity.name).collect::<Vec<_>>(),
                "fields": module.fields().iter().map(|field| json!({
                    "entity": field.entity,
                    "name": field.name,
                    "schema": field.schema,
                    "filterable": field.filterable,
                })).collect::<Vec<_>>(),
                "routes": module.routes().iter().map(|route| json!({
                    "method": method_name(route.method),
                    "path": route.path,
                    "access": route.access.name(),
                })).collect::<Vec<_>>(),
            });
        }
        Err(error) => report["refused"] = json!(error.to_string()),
    }
    report["loads"] = module.is_ok().into();
    report
}

fn print(
    out: &mut impl Write,
    source: &Source,
    shape: &Shape,
    module: Loaded<'_>,
    unused_grants: &[String],
) -> anyhow::Result<()> {
    match module {
        Ok(module) => {
            write_line(
                out,
                format_args!(
                    "{} {}: {}",
                    module.name(),
                    module.version(),
                    module.summary()
                ),
            )?;
            writeln!(out, "{}", in_short(shape, module))?;
            writeln!(out, "sha256:{}", module.digest())?;
        }
        Err(error) => {
            writeln!(out, "This component is refused as a module: {error}")?;
        }
    }
    let machine_code = module.map_or_else(
        |_| String::new(),
        |module| {
            format!(
                ", and {} bytes of machine code",
                module.machine_code_bytes()
            )
        },
    );
    writeln!(out, "{} bytes{machine_code}", source.bytes.len())?;
    writeln!(out, "{}", measured(&shape.measures))?;
    print_makeup(out, &shape.makeup)?;
    for (title, wanted) in [
        ("Capabilities that it uses", ImportKind::Capability),
        ("Extension points that it has", ImportKind::ExtensionPoint),
        (
            "Operations of other components that it calls",
            ImportKind::Operations,
        ),
        (
            "Imports that are linked with nothing behind them",
            ImportKind::Inert,
        ),
        ("Imports that nothing provides", ImportKind::Unknown),
    ] {
        let names: Vec<_> = shape
            .imports
            .iter()
            .filter(|import| import.kind == wanted)
            .collect();
        if !names.is_empty() {
            writeln!(out, "\n{title}:")?;
        }
        for import in names {
            match import.grant() {
                Some(grant) => {
                    write_line(
                        out,
                        format_args!("  {} (by the grant {grant})", import.name),
                    )?;
                }
                None => write_line(out, format_args!("  {}", import.name))?,
            }
        }
    }
    if !unused_grants.is_empty() {
        let unused = unused_grants.join(", ");
        writeln!(out, "\nGrants that it does not use: {unused}")?;
    }
    writeln!(out, "\nExports:")?;
    for export in &shape.exports {
        write_line(
            out,
            format_args!("  {}: {}", export.name, export.functions.join(", ")),
        )?;
    }
    match module {
        Ok(module) => print_served(out, module),
        Err(_) => Ok(()),
    }
}

/// The core modules that are printed, the largest ones.
const CORE_MODULES_SHOWN: usize = 10;

/// Prints what a component was made from, by its own word.
fn print_makeup(out: &mut impl Write, makeup: &Makeup) -> anyhow::Result<()> {
    let named = |tools: &[Tool]| {
        let tools = tools
            .iter()
            .map(|Tool { name, version }| format!("{name} {version}").trim().to_owned());
        tools.collect::<Vec<_>>().join(", ")
    };
    for (what, tools) in [("Languages", &makeup.languages), ("Made by", &makeup.tools)] {
        if !tools.is_empty() {
            write_line(out, format_args!("{what}: {}", named(tools)))?;
        }
    }
    let mut modules: Vec<&CoreModule> = makeup.core_modules.iter().collect();
    modules.sort_by_key(|module| std::cmp::Reverse(module.bytes));
    if !modules.is_empty() {
        writeln!(out, "\nCore modules:")?;
    }
    let (shown, others) = modules.split_at(modules.len().min(CORE_MODULES_SHOWN));
    for module in shown {
        let name = module.name.as_deref().unwrap_or("(no name)");
        let functions = counted(module.functions, "function");
        write_line(
            out,
            format_args!("  {name}: {} bytes, {functions}", module.bytes),
        )?;
    }
    if !others.is_empty() {
        let bytes: u64 = others.iter().map(|module| module.bytes).sum();
        writeln!(
            out,
            "  and {} of {bytes} bytes together",
            counted(others.len(), "other")
        )?;
    }
    Ok(())
}

/// Prints what a module serves callers and other modules.
fn print_served(out: &mut impl Write, module: &Version) -> anyhow::Result<()> {
    let entities = module.entities().iter().map(|entity| entity.name.clone());
    let fields = module.fields().iter().map(|field| {
        let filterable = if field.filterable { ", filterable" } else { "" };
        format!("{} of {}{filterable}", field.name, field.entity)
    });
    let filled = module.points_filled();
    let routes = module.routes().iter().map(|route| {
        let (method, access) = (method_name(route.method), route.access.name());
        format!("{method:<6} {} ({access})", route.path)
    });
    for (title, lines) in [
        ("Extension points that it fills", filled),
        (
            "Entities that other components may extend",
            entities.collect::<Vec<_>>(),
        ),
        ("Fields and relations that it provides", fields.collect()),
        ("Routes", routes.collect()),
    ] {
        if !lines.is_empty() {
            writeln!(out, "\n{title}:")?;
        }
        for line in lines {
            write_line(out, format_args!("  {line}"))?;
        }
    }
    Ok(())
}

/// Returns one line on what a component is, its migrations and the grants that it uses.
fn in_short(shape: &Shape, module: &Version) -> String {
    let routes = module.routes().len();
    let points = shape
        .imports
        .iter()
        .filter(|import| import.kind == ImportKind::ExtensionPoint)
        .count();
    let has: Vec<String> = [(routes, "route"), (points, "extension point")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(count, noun))
        .collect();
    let grants = module.grants_needed();
    let is_extension = grants.iter().any(|grant| {
        let (name, _) = grant.split_once('=').unwrap_or((grant, ""));
        [HOOKS, FIELDS].contains(&name)
    });
    let role = match (is_extension, routes) {
        (true, _) => "extension",
        (false, 0) => "component",
        (false, _) => "module",
    };
    let article = if role == "extension" { "An" } else { "A" };
    let has = match &*has {
        [] => String::new(),
        has => format!(" with {}", has.join(" and ")),
    };
    let migrations = counted(module.schema().migrations.len(), "migration");
    let grants = match grants {
        [] => "no grants".to_owned(),
        [grant] => format!("the grant {grant}"),
        grants => format!("the grants {}", grants.join(", ")),
    };
    format!("{article} {role}{has}; it has {migrations} and uses {grants}")
}

/// Returns one line on the engine of a component and what decides about it.
fn measured(measures: &Measures) -> String {
    format!(
        "It runs in the engine for {} components: {} with {} bytes in {}, and {} bytes of memory before it runs",
        measures.size().name(),
        counted(measures.core_instances, "core instance"),
        measures.data_bytes,
        counted(measures.data_segments, "data segment"),
        measures.memory_bytes,
    )
}

/// A number of things, as a sentence has it.
fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

fn kind(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Capability => "capability",
        ImportKind::Inert => "inert",
        ImportKind::Types => "types",
        ImportKind::ExtensionPoint => "extension-point",
        ImportKind::Operations => "operations",
        ImportKind::Unknown => "unknown",
    }
}
