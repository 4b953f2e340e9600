//! `wares module order`: the order in which extensions are called at an extension point.

use std::io::Write;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use super::status::{chain, ordered_by};
use super::{segment, text};
use crate::cli::client::{ask, list};
use crate::cli::{Common, json_out, write_line};
use crate::server::client::Ask;

#[derive(Args, Debug)]
pub(super) struct Order {
    /// The extension point, as `wares module status` shows it: wares:goods/hooks@1.0.0, without
    /// its version, or goods/hooks alone [default: show all points].
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    point: Option<String>,
    /// The extensions in their order; others follow by name. Without them the present order is
    /// shown.
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    names: Vec<String>,
    /// Have all called by name again.
    #[arg(long, requires = "point", conflicts_with = "names")]
    reset: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

impl Order {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let points = match &self.point {
            Some(point) if self.reset || !self.names.is_empty() => {
                let body = json!({"point": point, "order": self.names});
                let ask_for = Ask::post("/_wares/extension-points/order", &body);
                vec![ask(&self.common, ask_for)?["extension_point"].take()]
            }
            point => {
                let query = point
                    .as_ref()
                    .map(|point| format!("?point={}", segment(point)));
                let path = format!("/_wares/extension-points{}", query.unwrap_or_default());
                let answer = ask(&self.common, Ask::get(path))?;
                list(&answer["extension_points"]).cloned().collect()
            }
        };
        if self.json {
            writeln!(json_out(), "{}", Value::from(points))?;
            return Ok(());
        }
        for point in &points {
            show(out, point)?;
        }
        Ok(())
    }
}

fn show(out: &mut impl Write, point: &Value) -> std::io::Result<()> {
    let modules: Vec<&str> = list(&point["modules"]).filter_map(Value::as_str).collect();
    let (name, modules) = (text(point, "name"), modules.join(", "));
    if list(&point["extensions"]).next().is_none() {
        return write_line(out, format_args!("{name} of {modules}: no extension"));
    }
    let by = ordered_by(point);
    write_line(out, format_args!("{name} of {modules}, {by}:"))?;
    chain(out, point)
}
