//! `wares module list` and `wares module status`: the modules, their versions, and their state.

use std::io::Write;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use super::{path, text, version};
use crate::cli::client::{ask, list};
use crate::cli::{Common, json_out, write_line};
use crate::server::client::Ask;

#[derive(Args, Debug)]
pub(super) struct List {
    /// Only this module.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

impl List {
    pub(super) fn run(
        &self,
        out: &mut impl Write,
        show: fn(&mut dyn Write, &Value) -> std::io::Result<()>,
    ) -> anyhow::Result<()> {
        let modules = match &self.name {
            Some(name) => vec![ask(&self.common, Ask::get(path(name, "")))?["module"].take()],
            None => {
                let mut all = ask(&self.common, Ask::get("/_wares/modules"))?;
                let mut list = |key: &str| match all[key].take() {
                    Value::Array(list) => list,
                    _ => Vec::new(),
                };
                let mut modules = list("modules");
                modules.extend(list("failures").into_iter().map(|failure| {
                    json!({"name": failure["module"], "version": null, "failures": [failure]})
                }));
                modules
            }
        };
        if self.json {
            writeln!(json_out(), "{}", Value::from(modules))?;
            return Ok(());
        }
        for module in &modules {
            show(out, module)?;
        }
        Ok(())
    }
}

/// Writes the version that serves a module, and those that failed when the host started.
fn serves(out: &mut dyn Write, module: &Value) -> std::io::Result<()> {
    let failures = module["failures"].as_array().into_iter().flatten();
    if module["version"].is_null() {
        let name = module["name"].as_str().unwrap_or("A component");
        write_line(out, format_args!("{name} is not served"))?;
    } else if module["enabled"] == false {
        write_line(
            out,
            format_args!("{} is disabled: {}", text(module, "name"), version(module)),
        )?;
    } else {
        write_line(
            out,
            format_args!("{} serves {}", text(module, "name"), version(module)),
        )?;
    }
    for failure in failures {
        let reason = text(failure, "reason");
        write_line(out, format_args!("  failed at the start: {reason}"))?;
    }
    Ok(())
}

pub(super) fn installed(out: &mut dyn Write, module: &Value) -> std::io::Result<()> {
    serves(out, module)?;
    for one in module["versions"].as_array().into_iter().flatten() {
        write_line(
            out,
            format_args!(
                "  {}  {}  {}  {}  by {}",
                text(one, "digest"),
                text(one, "version"),
                text(one, "state"),
                text(one, "installed_at"),
                text(one, "installed_by")
            ),
        )?;
    }
    Ok(())
}

pub(super) fn status(out: &mut dyn Write, module: &Value) -> std::io::Result<()> {
    serves(out, module)?;
    if module["version"].is_null() {
        return Ok(());
    }
    for change in module["changes"].as_array().into_iter().flatten() {
        write_line(
            out,
            format_args!(
                "  under way: {} {} by {} since {}",
                text(change, "action"),
                text(change, "digest"),
                text(change, "actor"),
                text(change, "since")
            ),
        )?;
    }
    if module["circuit"] == "open" || module["circuit"] == "half-open" {
        writeln!(out, "  circuit open: it answers 503")?;
    }
    writeln!(out, "  calls: {}", calls(&module["calls"]))?;
    extensions(out, module)?;
    let canary = &module["canary"];
    if !canary.is_null() {
        write_line(
            out,
            format_args!(
                "  canary for {} %: {}",
                canary["share_percent"],
                version(canary)
            ),
        )?;
        writeln!(
            out,
            "    its calls: {}\n    meanwhile, in service: {}",
            calls(&canary["calls"]),
            calls(&canary["calls_in_service"])
        )?;
    }
    Ok(())
}

/// Writes the extensions that a module calls at its points, and the points that it fills.
fn extensions(out: &mut dyn Write, module: &Value) -> std::io::Result<()> {
    for point in list(&module["extension_points"]) {
        let name = text(point, "name");
        if list(&point["extensions"]).next().is_none() {
            write_line(out, format_args!("  at {name}: no extension"))?;
            continue;
        }
        write_line(out, format_args!("  at {name}, {}:", ordered_by(point)))?;
        chain(out, point)?;
    }
    for point in list(&module["fills"]).filter_map(Value::as_str) {
        let on_failure = text(module, "on_failure");
        write_line(
            out,
            format_args!("  fills {point}, on failure {on_failure}"),
        )?;
    }
    Ok(())
}

/// Writes the extensions at a point in their order.
pub(super) fn chain(out: &mut dyn Write, point: &Value) -> std::io::Result<()> {
    for (index, one) in list(&point["extensions"]).enumerate() {
        let (number, name) = (index + 1, text(one, "name"));
        let version = one["version"].as_str().unwrap_or("failed at the start");
        let policy = match one["enabled"].as_bool() {
            Some(false) => "disabled".to_owned(),
            _ => format!("on failure {}", text(one, "on_failure")),
        };
        write_line(
            out,
            format_args!("    {number}. {name} {version}, {policy}"),
        )?;
    }
    Ok(())
}

/// What decides the order at a point, for people.
pub(super) fn ordered_by(point: &Value) -> &'static str {
    match text(point, "ordered_by") {
        "setting" => "in the order of the setting extensions.order",
        "command" => "in the order of `wares module order`",
        _ => "by name",
    }
}

fn calls(calls: &Value) -> String {
    format!(
        "{} made, {} failed, {} answered 5xx, {} ms on average",
        calls["made"], calls["failed"], calls["server_errors"], calls["mean_ms"]
    )
}
